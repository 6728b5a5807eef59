package fuzz

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
)

// program is an input, read from its beginning. Past its end everything is 0.
type program struct{ rest []byte }

func (p *program) more() bool { return len(p.rest) > 0 }

func (p *program) byte() byte {
	if len(p.rest) == 0 {
		return 0
	}
	b := p.rest[0]
	p.rest = p.rest[1:]
	return b
}

func (p *program) below(n int) int { return int(p.byte()) % n }

func (p *program) uint64() uint64 {
	var b [8]byte
	p.rest = p.rest[copy(b[:], p.rest):]
	return binary.LittleEndian.Uint64(b[:])
}

// number gives an int that may serve as an index or length of something with n elements: mostly one
// that fits or nearly so, sometimes one from the ends of the range of int or from the places where
// products with small sizes overflow.
func (p *program) number(n int) int {
	switch b := p.byte(); {
	case b < 192:
		return int(b)%(n+4) - 2
	case b < 208:
		return n - int(b-200)
	case b < 224:
		return math.MaxInt - int(b-208)
	case b < 232:
		return math.MinInt + int(b-224)
	case b < 248:
		return math.MaxInt/int(b-231) + 1
	default:
		return int(p.uint64())
	}
}

// fits gives a number of [0, n].
func (p *program) fits(n int) int { return int(p.byte()) % (n + 1) }

// sentinels are the errors that tests distinguish.
var sentinels = []error{
	typedmem.ErrSize, typedmem.ErrOffset, typedmem.ErrOperation, typedmem.ErrNotAdjacent, typedmem.ErrAttributeMismatch, typedmem.ErrBackingMismatch,
	typedmem.ErrUnsafeFlag, typedmem.ErrClosed, typedmem.ErrBusy, typedmem.ErrProtection, typedmem.ErrBounds, typedmem.ErrType, typedmem.ErrLayout,
	typedmem.ErrCorrupt, typedmem.ErrTruncated, typedmem.ErrCapacity,
}

// expect fails unless err is nil where no reason speaks against the operation, and otherwise wraps
// one of the reasons and no other sentinel.
func expect(t *testing.T, what string, err error, reasons ...error) {
	t.Helper()
	reasons = slices.DeleteFunc(slices.Clone(reasons), func(e error) bool { return e == nil })
	if len(reasons) == 0 {
		if err != nil {
			t.Fatalf("%s: %v, nothing speaks against it", what, err)
		}
		return
	}
	if err == nil {
		t.Fatalf("%s: no error, want one of %v", what, reasons)
	}
	var e *typedmem.Error
	if !errors.As(err, &e) {
		t.Fatalf("%s: %T is no *typedmem.Error: %v", what, err, err)
	}
	if err.Error() == "" {
		t.Fatalf("%s: an error without text", what)
	}
	for _, s := range sentinels {
		if errors.Is(err, s) != slices.Contains(reasons, s) && errors.Is(err, s) {
			t.Fatalf("%s: %v, want one of %v", what, err, reasons)
		}
	}
	if !slices.ContainsFunc(reasons, func(s error) bool { return errors.Is(err, s) }) {
		t.Fatalf("%s: %v, want one of %v", what, err, reasons)
	}
}

// when returns the reason if it holds.
func when(holds bool, reason error) error {
	if holds {
		return reason
	}
	return nil
}

func inRange(lo, hi, n int) bool { return 0 <= lo && lo <= hi && hi <= n }

// bytesOf shows the memory of a value.
func bytesOf[T any](x *T) []byte {
	// SAFETY: the bytes of one value, of a type without pointers, for as long as x is used.
	return unsafe.Slice((*byte)(unsafe.Pointer(x)), unsafe.Sizeof(*x))
}

// valueOf makes a value of a type without pointers and bools out of any bytes.
func valueOf[T any](p *program) (x T) {
	b := bytesOf(&x)
	seed := p.byte()
	for i := range b {
		b[i] = seed + byte(i)*37
	}
	return x
}
