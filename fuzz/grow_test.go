package fuzz

import (
	"math"
	"slices"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// FuzzGrow appends, resizes, protects, splits, merges, pins and closes regions that share one range
// of addresses, with views of all ages looking on.
func FuzzGrow(f *testing.F) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Add([]byte("\x40\x00\xff\x00\xff\x0b\x0b\x04\x02\x05\x01\x0b\x06\x01\x0b\x07\x08\x00\x0b\x09"))
	f.Add([]byte("\xff\x0b\x01\x10\x0b\x01\x80\x03\x40\x00\x20\x0a\x02\x0a\x00\x0a\x01\x0c\x0d\x09\x0c\x0d"))
	f.Fuzz(func(t *testing.T, input []byte) { newGrowth(t, input).run() })
}

// bounds is the model of what the views of one age compare with. Elements are counted from the
// first address of all.
type bounds struct {
	end    int
	prot   flags.Protection
	closed bool
}

type part struct {
	r          *region.Region[uint64]
	start, cap int
	limits     *bounds
	unpin      []func()
}

func (x *part) len() int { return x.limits.end - x.start }

type watcher struct {
	v        region.View[uint64]
	at       int
	readOnly bool
	limits   *bounds
}

type growth struct {
	t      *testing.T
	p      *program
	page   int // elements
	memory []uint64
	parts  []*part
	views  []watcher
	next   uint64
}

func newGrowth(t *testing.T, input []byte) *growth {
	p := &program{input}
	page, _ := options.PageSize()
	n := p.number(2 * page / 8)
	n = max(0, min(n, 2*page/8))
	r, err := region.MapMut[uint64](options.New(n * 8).WithCapacity(8 * page))
	if err != nil {
		t.Fatal(err)
	}
	first := &part{r: r, cap: r.Cap(), limits: &bounds{end: n, prot: flags.Read | flags.Write}}
	return &growth{t: t, p: p, page: r.Mapping().PageSize() / 8, memory: make([]uint64, r.Cap()), parts: []*part{first}}
}

func (g *growth) run() {
	for g.p.more() {
		g.step(g.parts[g.p.below(len(g.parts))])
		for _, w := range g.views {
			g.look(w, 0)
			g.look(w, w.v.Len()-1)
			g.look(w, g.p.fits(w.v.Len()))
		}
	}
	for _, x := range g.parts {
		for _, unpin := range x.unpin {
			unpin()
		}
		x.unpin = nil
		g.whole(x)
		g.close(x)
	}
	for _, w := range g.views {
		g.look(w, 0)
	}
}

// reasons lists what speaks against an access to all of a part.
func (b *bounds) reasons(write bool) []error {
	switch {
	case b.closed:
		return []error{typedmem.ErrClosed}
	case b.prot == flags.None, write && !b.prot.Has(flags.Write):
		return []error{typedmem.ErrProtection}
	}
	return nil
}

// look reads and writes an element through a view.
func (g *growth) look(w watcher, i int) {
	g.t.Helper()
	for _, write := range []bool{false, true} {
		reasons := w.limits.reasons(write)
		if w.readOnly && write && !w.limits.closed {
			reasons = append(reasons, typedmem.ErrProtection)
		}
		if i < 0 || i >= w.v.Len() || w.at+i >= w.limits.end && !w.limits.closed && w.limits.prot != flags.None {
			reasons = append(reasons, typedmem.ErrBounds)
		}
		if write {
			g.next++
			err := w.v.Store(i, g.next)
			expect(g.t, "Store through an old view", err, reasons...)
			if err == nil {
				g.memory[w.at+i] = g.next
			}
			continue
		}
		got, err := w.v.Load(i)
		expect(g.t, "Load through an old view", err, reasons...)
		if err == nil && got != g.memory[w.at+i] {
			g.t.Fatalf("element %d of a view at %d is %d, want %d", i, w.at, got, g.memory[w.at+i])
		}
	}
}

// whole compares all elements of a part.
func (g *growth) whole(x *part) {
	g.t.Helper()
	if x.limits.closed {
		expect(g.t, "Load after Close", x.r.Store(0, 0), typedmem.ErrClosed)
		return
	}
	if x.r.Len() != x.len() || x.r.Cap() != x.cap {
		g.t.Fatalf("length %d of %d, want %d of %d", x.r.Len(), x.r.Cap(), x.len(), x.cap)
	}
	if x.limits.prot == flags.None {
		return
	}
	if want := g.memory[x.start:x.limits.end]; !slices.Equal(x.r.Slice(), want) {
		for i, v := range x.r.Slice() {
			if v != want[i] {
				g.t.Fatalf("element %d is %d, want %d", i, v, want[i])
			}
		}
	}
}

func (g *growth) step(x *part) {
	switch g.p.below(15) {
	case 0, 1:
		xs := make([]uint64, g.p.fits(250)*g.p.fits(4))
		for i := range xs {
			g.next++
			xs[i] = g.next
		}
		g.append(x, xs)
	case 2:
		if len(x.limits.reasons(false)) > 0 {
			return
		}
		lo := g.p.fits(x.len())
		g.append(x, x.r.Slice()[lo:lo+g.p.fits(x.len()-lo)])
	case 3, 4:
		g.resize(x, g.p.number(x.cap))
	case 5:
		g.resize(x, g.p.below(9)*g.page)
	case 6:
		g.split(x, g.p.below(8)*g.page, g.p.below(2) == 0)
	case 7:
		g.split(x, g.p.number(x.len()), g.p.below(2) == 0)
	case 8, 9:
		g.merge(x, g.parts[g.p.below(len(g.parts))])
	case 10:
		g.protect(x)
	case 11:
		lo := g.p.fits(x.len())
		hi := lo + g.p.fits(x.len()-lo)
		v, err := x.r.Sub(lo, hi)
		if x.limits.closed {
			expect(g.t, "Sub", err, typedmem.ErrClosed)
			return
		}
		expect(g.t, "Sub", err)
		w := watcher{v, x.start + lo, g.p.below(4) == 0, x.limits}
		if w.readOnly {
			w.v = v.ReadOnly()
		}
		g.views = append(g.views, w)
		if len(g.views) > 10 {
			g.views = g.views[1:]
		}
	case 12:
		unpin, err := x.r.Pin()
		if x.limits.closed {
			expect(g.t, "Pin", err, typedmem.ErrClosed)
			return
		}
		expect(g.t, "Pin", err)
		x.unpin = append(x.unpin, unpin)
	case 13:
		for _, unpin := range x.unpin {
			unpin()
			unpin()
		}
		x.unpin = nil
	case 14:
		g.close(x)
	}
	g.whole(x)
}

func (x *part) busy() error { return when(len(x.unpin) > 0, typedmem.ErrBusy) }

func (g *growth) append(x *part, xs []uint64) {
	g.t.Helper()
	values := slices.Clone(xs)
	reasons := x.limits.reasons(true)
	if x.len()+len(xs) > x.cap && !x.limits.closed {
		reasons = append(reasons, typedmem.ErrCapacity)
	}
	err := x.r.Append(xs...)
	expect(g.t, "Append", err, reasons...)
	if err == nil {
		copy(g.memory[x.limits.end:], values)
		x.limits.end += len(values)
	}
}

func (g *growth) resize(x *part, n int) {
	g.t.Helper()
	reasons := x.limits.reasons(true)
	if !x.limits.closed {
		reasons = append(reasons, when(n < 0 || n > math.MaxInt/8, typedmem.ErrSize), when(n > x.cap, typedmem.ErrCapacity))
		if n < x.len() {
			reasons = append(reasons, x.busy())
		}
	}
	err := x.r.Resize(n)
	expect(g.t, "Resize", err, reasons...)
	if err == nil {
		for x.limits.end < x.start+n {
			g.memory[x.limits.end] = 0
			x.limits.end++
		}
		x.limits.end = x.start + n
	}
}

func (g *growth) split(x *part, at int, to bool) {
	g.t.Helper()
	var reasons []error
	if x.limits.closed {
		reasons = append(reasons, typedmem.ErrClosed)
	} else {
		reasons = append(reasons, x.busy(), when(at <= 0 || at >= x.len() || at%g.page != 0, typedmem.ErrOffset))
	}
	cut := x.r.SplitOff
	if to {
		cut = x.r.SplitTo
	}
	other, err := cut(at)
	expect(g.t, "Split", err, reasons...)
	if err != nil {
		return
	}
	// Views that there are belong to the left part from now on.
	left, right := x, &part{r: other, start: x.start + at, cap: x.cap - at, limits: &bounds{end: x.limits.end, prot: x.limits.prot}}
	left.cap, left.limits.end = at, x.start+at
	if to {
		left.r, right.r = right.r, left.r
	}
	g.parts = append(g.parts, right)
	g.whole(left)
	g.whole(right)
}

func (g *growth) merge(x, next *part) {
	g.t.Helper()
	var reasons []error
	switch {
	case x.limits.closed || next.limits.closed:
		reasons = append(reasons, typedmem.ErrClosed)
	case x == next:
		reasons = append(reasons, typedmem.ErrNotAdjacent)
	default:
		reasons = append(reasons, x.busy(), next.busy(),
			when(x.len() != x.cap || x.start+x.cap != next.start, typedmem.ErrNotAdjacent),
			when(x.limits.prot != next.limits.prot, typedmem.ErrAttributeMismatch))
	}
	err := x.r.Merge(next.r)
	expect(g.t, "Merge", err, reasons...)
	if err == nil {
		x.cap += next.cap
		x.limits.end = next.limits.end
		next.limits.closed = true
	}
	g.whole(next)
}

func (g *growth) protect(x *part) {
	g.t.Helper()
	m := x.r.Mapping()
	changes := []func() error{m.MakeNone, m.MakeReadOnly, m.MakeMut, m.MakeMut}
	which := g.p.below(len(changes))
	err := changes[which]()
	expect(g.t, "a change of protection", err, when(x.limits.closed, typedmem.ErrClosed))
	if err == nil {
		x.limits.prot = []flags.Protection{flags.None, flags.Read, flags.Read | flags.Write, flags.Read | flags.Write}[which]
	}
}

func (g *growth) close(x *part) {
	g.t.Helper()
	reason := x.busy()
	if x.limits.closed {
		reason = typedmem.ErrClosed
	}
	err := x.r.Close()
	expect(g.t, "Close", err, reason)
	if err == nil {
		x.limits.closed = true
	}
}
