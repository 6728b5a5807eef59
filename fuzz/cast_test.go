package fuzz

import (
	"bytes"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
)

type withBool struct {
	On   bool
	Rest [3]uint8
}

// FuzzCast shows one memory as many types and compares the bytes.
func FuzzCast(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		p := &program{input}
		n := p.fits(96)
		r, err := region.New[uint8](n)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		memory := make([]byte, n)
		for i := range memory {
			memory[i] = byte(i)*29 + byte(n)
			r.Set(i, memory[i])
		}
		c := &castState{t: t, p: p, memory: memory}
		castFrom(c, r.View(), 0, 8)
		same(t, "the region in the end", r.View(), memory)
	})
}

type castState struct {
	t      *testing.T
	p      *program
	memory []byte
}

// castFrom goes on with a view of the bytes from at on: narrows it, writes to it, casts it to
// another type.
func castFrom[T comparable](c *castState, v region.View[T], at, depth int) {
	var x T
	size := len(bytesOf(&x))
	model := c.memory[at : at+v.Len()*size]
	var shown []byte
	for i, x := range v.All() {
		if x != v.At(i) {
			return // a float that is not a number differs from itself
		}
		shown = append(shown, bytesOf(&x)...)
	}
	if !bytes.Equal(shown, model) {
		c.t.Fatalf("%T at byte %d: % x, want % x", v, at, shown, model)
	}
	if depth == 0 || !c.p.more() {
		return
	}
	lo := c.p.fits(v.Len())
	hi := lo + c.p.fits(v.Len()-lo)
	sub, err := v.Sub(lo, hi)
	expect(c.t, "Sub", err)
	at += lo * size
	if c.p.below(3) == 0 && sub.Len() > 0 {
		x := valueOf[T](c.p)
		sub.Set(0, x)
		copy(c.memory[at:], bytesOf(&x))
	}
	if back, err := region.Cast[T](sub.Bytes()); err != nil {
		c.t.Fatalf("Cast of Bytes back to %T: %v", sub, err)
	} else if back.Len() != sub.Len() {
		c.t.Fatalf("Cast of Bytes back to %T has %d elements, want %d", sub, back.Len(), sub.Len())
	}
	switch c.p.below(8) {
	case 0:
		castTo[uint8](c, sub, at, depth, nil)
	case 1:
		castTo[uint16](c, sub, at, depth, nil)
	case 2:
		castTo[[3]uint8](c, sub, at, depth, nil)
	case 3:
		castTo[uint32](c, sub, at, depth, nil)
	case 4:
		castTo[int64](c, sub, at, depth, nil)
	case 5:
		castTo[record](c, sub, at, depth, nil)
	case 6:
		castTo[six](c, sub, at, depth, nil)
	case 7:
		castTo[withBool](c, sub, at, depth, typedmem.ErrType)
	}
}

func castTo[U, T comparable](c *castState, v region.View[T], at, depth int, refused error) {
	var from T
	var to U
	n, size := v.Len()*len(bytesOf(&from)), len(bytesOf(&to))
	cast, err := region.Cast[U](v)
	if refused != nil {
		expect(c.t, "Cast to a type with a bool", err, refused)
		return
	}
	// The region begins at a page, so that the place in it decides about the alignment.
	misfit := n%size != 0 || n > 0 && at%alignOf[U]() != 0
	expect(c.t, "Cast", err, when(misfit, typedmem.ErrBounds))
	if err != nil {
		castFrom(c, v, at, depth-1)
		return
	}
	if cast.Len() != n/size {
		c.t.Fatalf("%d bytes as %T: %d elements", n, cast, cast.Len())
	}
	castFrom(c, cast, at, depth-1)
}
