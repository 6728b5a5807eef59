package region

import (
	"fmt"
	"iter"
	"math"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/shell"
)

// Strided is a checked view of values that lie at equal distances: every k-th element of a View, or
// one field of every record. It is a value of four words, and View's rules for lifetime and
// concurrency hold for it.
type Strided[T any] struct {
	// SAFETY: first points into the address range of limits, and so do first + i*stride for 0 <= i
	// < n and the T there; no element is touched before its address has been compared with limits.
	first  unsafe.Pointer
	n      int
	stride uintptr // bytes
	limits *mem.Limits
}

// Len returns the number of elements.
func (s Strided[T]) Len() int { return s.n }

// At returns element i. Where Load would return an error it panics with it.
func (s Strided[T]) At(i int) (x T) {
	var end uintptr
	if uint(i) < uint(s.n) {
		end = s.limits.Readable()
		if p := unsafe.Add(s.first, uintptr(i)*s.stride); uintptr(p)+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				s.limits.Race().Read(p, unsafe.Sizeof(x))
			}
			return *(*T)(p)
		}
	}
	panic(&typedmem.Error{Op: "at", Err: &refusal{i, s.n, end}})
}

// Set sets element i to x. Where Store would return an error it panics with it.
func (s Strided[T]) Set(i int, x T) {
	var end uintptr
	if uint(i) < uint(s.n) {
		end = s.limits.Writable()
		if p := unsafe.Add(s.first, uintptr(i)*s.stride); uintptr(p)+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				s.limits.Race().Write(p, unsafe.Sizeof(x))
			}
			*(*T)(p) = x
			return
		}
	}
	panic(&typedmem.Error{Op: "set", Err: &refusal{i, s.n, end}})
}

// Load returns element i, with the errors of [View.Load].
func (s Strided[T]) Load(i int) (x T, err error) {
	var end uintptr
	if uint(i) < uint(s.n) {
		end = s.limits.Readable()
		if p := unsafe.Add(s.first, uintptr(i)*s.stride); uintptr(p)+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				s.limits.Race().Read(p, unsafe.Sizeof(x))
			}
			return *(*T)(p), nil
		}
	}
	return x, &typedmem.Error{Op: "load", Err: &refusal{i, s.n, end}}
}

// Store sets element i to x, with the errors of [View.Store].
func (s Strided[T]) Store(i int, x T) error {
	var end uintptr
	if uint(i) < uint(s.n) {
		end = s.limits.Writable()
		if p := unsafe.Add(s.first, uintptr(i)*s.stride); uintptr(p)+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				s.limits.Race().Write(p, unsafe.Sizeof(x))
			}
			*(*T)(p) = x
			return nil
		}
	}
	return &typedmem.Error{Op: "store", Err: &refusal{i, s.n, end}}
}

// Sub returns the elements [lo, hi) of s, or [typedmem.ErrBounds].
func (s Strided[T]) Sub(lo, hi int) (Strided[T], error) {
	if !num.Range(lo, hi, s.n) {
		return Strided[T]{}, bounds("sub", lo, hi, s.n)
	}
	if lo == hi {
		return Strided[T]{s.first, 0, s.stride, s.limits}, nil
	}
	return Strided[T]{unsafe.Add(s.first, uintptr(lo)*s.stride), hi - lo, s.stride, s.limits}, nil
}

// Every returns every step-th element of [lo, hi), as [View.Every] does.
func (s Strided[T]) Every(lo, hi, step int) (Strided[T], error) {
	if !num.Range(lo, hi, s.n) {
		return Strided[T]{}, bounds("every", lo, hi, s.n)
	}
	if step < 1 {
		return Strided[T]{}, shell.Fail("every", fmt.Errorf("step %d, the least is 1: %w", step, typedmem.ErrBounds))
	}
	if lo == hi {
		return Strided[T]{s.first, 0, s.stride, s.limits}, nil
	}
	count := (hi-lo-1)/step + 1
	stride, ok := num.Mul(int(s.stride), step)
	if !ok || count == 1 {
		stride = math.MaxInt // no second element: the distance to it is never used
	}
	return Strided[T]{unsafe.Add(s.first, uintptr(lo)*s.stride), count, uintptr(stride), s.limits}, nil
}

// All yields index and value of every element, each checked as At does.
func (s Strided[T]) All() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for next := 0; next < s.n; {
			i := next
			if next++; !yield(i, s.At(i)) { // see View.All
				return
			}
		}
	}
}

// Values yields the value of every element, each checked as At does.
func (s Strided[T]) Values() iter.Seq[T] {
	return func(yield func(T) bool) {
		for next := 0; next < s.n; {
			i := next
			if next++; !yield(s.At(i)) { // see View.All
				return
			}
		}
	}
}

// CopyTo copies min(Len, len(dst)) elements to dst and returns that number. It panics where At of
// one of them would; those before it are copied.
func (s Strided[T]) CopyTo(dst []T) int {
	n := min(s.n, len(dst))
	for i := range n {
		dst[i] = s.At(i)
	}
	return n
}

// CopyFrom copies min(Len, len(src)) elements from src and returns that number. It panics, before
// it copies any, where Set of one of them would. src must not be a part of the same memory.
func (s Strided[T]) CopyFrom(src []T) int {
	n := min(s.n, len(src))
	s.check("copy from", n)
	for i := range n {
		s.Set(i, src[i])
	}
	return n
}

// Fill sets every element to x. It panics where Set of one of them would, before it has set any.
func (s Strided[T]) Fill(x T) {
	s.check("fill", s.n)
	for i := range s.n {
		s.Set(i, x)
	}
}

// check panics unless the first n elements can be written: since addresses ascend, the last of them
// decides.
func (s Strided[T]) check(op string, n int) {
	if n == 0 {
		return
	}
	end := uintptr(s.first) + uintptr(n-1)*s.stride + unsafe.Sizeof(*new(T))
	if limit := s.limits.Writable(); end > limit {
		panic(shell.Fail(op, mem.Refusal(limit)))
	}
}

// ReadOnly returns the same elements in a view that refuses every write; see [View.ReadOnly].
func (s Strided[T]) ReadOnly() Strided[T] {
	if s.limits == nil {
		return s
	}
	return Strided[T]{s.first, s.n, s.stride, s.limits.ReadOnly()}
}
