package region

import (
	"iter"
	"time"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// Stream yields v in views of n elements, the last of which may be shorter. The pages of a file are
// read ahead, up to 5 MiB beyond the elements that were yielded, by system calls that leave the
// other goroutines running. A view is yielded when its pages are in memory. So a loop reads data
// that is larger than memory at the speed of the device; see "Data larger than memory" in the
// package comment.
//
// The first error ends the loop; it comes with an empty view, after all elements before those that
// it concerns. The errors are those of [View.Load], and those of [View.Gather] for pages that
// cannot be read. An n below 1 panics with [typedmem.ErrBounds], as for [View.Chunks].
//
// Stream needs no goroutine and leaves nothing behind when the loop ends early. It holds no pin and
// keeps nothing in memory: a page that the system drops again before the loop uses it is read by
// the access, as with At. A scan that should not push other data out of memory gives back what it
// has read: call [typedmem.Mapping.Advise] with flags.DontNeed, or flags.Cold, for the bytes of
// each view.
func (v View[T]) Stream(n int) iter.Seq2[View[T], error] {
	if n < 1 {
		panic(&typedmem.Error{Op: "stream", Err: chunkRefusal(n)})
	}
	return func(yield func(View[T], error) bool) {
		s := streamOf(v.limits, uintptr(v.first), v.end)
		for rest := v.elements(); len(rest) > 0; {
			k := min(n, len(rest))
			part := viewOf(rest[:k], v.limits)
			if err := s.reach(part.end); err != nil {
				yield(View[T]{}, shell.Fail("stream", err))
				return
			}
			if !yield(part, nil) {
				return
			}
			rest = rest[k:]
		}
	}
}

// stream brings a range of addresses into memory from its beginning to its end.
type stream struct {
	limits *mem.Limits
	file   bool    // other memory needs nothing
	there  uintptr // up to there pages have been brought in
	hinted uintptr // up to there the system was told what comes
	end    uintptr
	step   uintptr // bytes to bring in at once
	slow   bool    // the device needs to be told what comes
}

// The step begins small, for loops that end early, and doubles. Its calls wait for each other
// change of the address space, so a step is not large.
const (
	firstStep = 64 << 10
	mostStep  = 1 << 20
)

// Most systems read ahead of what is brought in, as fast as the device. Hints besides would cost
// more than they gain: Linux then reads into small pages. But a device of long delays (a network, a
// file system without read-ahead) is faster when it is told of so many steps ahead.
const (
	slowMiB    = 10 * time.Millisecond
	stepsAhead = 4
)

func streamOf(l *mem.Limits, first, end uintptr) *stream {
	s := &stream{limits: l, there: first, hinted: first, end: end, step: firstStep}
	if l != nil {
		m := mem.Public[*typedmem.Mapping](l)
		s.file = m != nil && m.FileBacked()
	}
	return s
}

// reach brings the pages up to an address into memory, unless they have been brought in before.
func (s *stream) reach(to uintptr) error {
	limit := s.limits.Readable()
	if to > limit {
		return mem.Refusal(limit)
	}
	if !s.file || to <= s.there {
		return nil
	}
	end := min(s.end, limit)
	stop := min(max(to, s.there+s.step), end)
	if ahead := min(stop+stepsAhead*s.step, end); s.slow && ahead > max(s.hinted, stop) {
		_ = s.call((*typedmem.Mapping).Prefetch, max(s.hinted, s.there), ahead) // what does not come is told when it is brought in
		s.hinted = ahead
	}
	err := s.fetch(stop)
	if err != nil && stop > to { // yield what comes before it
		s.step = 0
		err = s.fetch(to)
	}
	if limit = s.limits.Readable(); to > limit {
		return mem.Refusal(limit) // it says more
	}
	s.step = min(2*s.step, mostStep)
	return err
}

func (s *stream) fetch(stop uintptr) error {
	start := time.Now()
	err := s.call((*typedmem.Mapping).Prefault, s.there, stop)
	if err == nil {
		// There is no way back: when hints help, no step is slow any more.
		s.slow = s.slow || time.Since(start)*(1<<20) > slowMiB*time.Duration(stop-s.there)
		s.there = stop
	}
	return err
}

func (s *stream) call(f func(m *typedmem.Mapping, lo, hi int) error, from, stop uintptr) error {
	m := mem.Public[*typedmem.Mapping](s.limits)
	base := s.limits.Base()
	return f(m, int(from-base), int(stop-base))
}

// Prefetch tells the system that the elements will be read soon, and does not wait for them. It is
// a hint: pages that cannot be read are no error. For memory that is closed or may not be read it
// returns the error of [View.Load].
func (v View[T]) Prefetch() error { return v.onBytes("prefetch", (*typedmem.Mapping).Prefetch) }

// Prefault brings the elements into memory and returns when they are there. If a page cannot be
// read it returns the error of [View.Gather], where an access would fault. The system may drop
// pages again that are not locked. Others may use and grow the mapping meanwhile; what would take
// memory away returns [typedmem.ErrBusy]. See [typedmem.Mapping.Prefault].
func (v View[T]) Prefault() error { return v.onBytes("prefault", (*typedmem.Mapping).Prefault) }

// Resident returns how many bytes of the elements are in memory; see [typedmem.Mapping.Resident].
func (v View[T]) Resident() (bytes int, err error) {
	err = v.onBytes("resident", func(m *typedmem.Mapping, lo, hi int) error {
		bytes, err = m.Resident(lo, hi)
		return err
	})
	return bytes, err
}

// onBytes calls f with the bytes of the elements. It does not matter whether T allows more than raw
// access.
func (v View[T]) onBytes(op string, f func(m *typedmem.Mapping, lo, hi int) error) error {
	if v.n == 0 {
		return nil
	}
	if limit := v.limits.Raw(); v.end > limit {
		return shell.Fail(op, mem.Refusal(limit))
	}
	m := mem.Public[*typedmem.Mapping](v.limits)
	lo := int(uintptr(v.first) - m.Addr())
	return f(m, lo, lo+v.n*int(unsafe.Sizeof(*new(T))))
}
