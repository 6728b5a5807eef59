package region

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/resident"
	"github.com/typedmem/typedmem/internal/shell"
)

// Gather sets dst[k] to element indexes[k], for every k. The indexes may be in any order, and may
// repeat. The pages of a file that are not in memory are read together, by system calls that leave
// the other goroutines running: see "Data larger than memory" in the package comment. Where all
// pages are in memory, Gather costs little more than a loop of [View.At].
//
// Gather neither faults nor panics. It allocates nothing unless it fails. Its errors, besides those
// of [View.Load]:
//
//   - [typedmem.ErrBounds]: dst is shorter than indexes, or an index is out of range. Then dst is
//     as it was. After any other error it may hold some of the elements.
//   - [typedmem.ErrTruncated]: another program made the file shorter.
//   - The system's error, if a page cannot be read.
//
// If another goroutine closes, shrinks or protects the mapping meanwhile, Gather returns the error
// that Load would. A call that does so returns [typedmem.ErrBusy] while Gather waits for pages,
// except a change of protection.
func (v View[T]) Gather(dst []T, indexes []int) error {
	size := unsafe.Sizeof(*new(T))
	return gather(dst, 1, indexes, extent{uintptr(v.first), v.n, size, size, v.limits, 0})
}

// Gather sets dst[k] to element indexes[k], for every k; see [View.Gather].
func (s Strided[T]) Gather(dst []T, indexes []int) error {
	return gather(dst, 1, indexes, extent{uintptr(s.first), s.n, s.stride, unsafe.Sizeof(*new(T)), s.limits, 0})
}

// Gather sets row k of dst to row rows[k], for every k: dst[k*Width:(k+1)*Width]. dst has space for
// so many whole rows; see [View.Gather].
func (r Rows[T]) Gather(dst []T, rows []int) error {
	size := uintptr(r.width) * unsafe.Sizeof(*new(T))
	return gather(dst, max(r.width, 1), rows, extent{uintptr(r.first), r.n, size, size, r.limits, r.width})
}

// gather copies rows of width T each: row k of dst becomes row indexes[k] of e.
func gather[T any](dst []T, width int, indexes []int, e extent) error {
	if len(indexes) == 0 {
		return nil
	}
	if len(dst)/width < len(indexes) {
		what := "elements"
		if e.width > 0 {
			what = fmt.Sprintf("rows of %d elements", e.width)
		}
		return shell.Fail("gather", fmt.Errorf("%d %s do not fit into a slice of %d: %w", len(indexes), what, len(dst), typedmem.ErrBounds))
	}
	part := e.part()
	if len(indexes) > part { // the first part must not be copied before all indexes are checked
		limit := e.limit()
		if err := e.check(indexes, e.below(limit), limit); err != nil {
			return shell.Fail("gather", err)
		}
	}
	for {
		k := min(part, len(indexes))
		if err := gatherPart(dst, width, indexes[:k], &e); err != nil {
			return shell.Fail("gather", err)
		}
		if indexes = indexes[k:]; len(indexes) == 0 {
			return nil
		}
		dst = dst[k*width:]
	}
}

// mostTries is how often a copy is tried whose pages leave the memory again, or whose mapping
// changes.
const mostTries = 10

func gatherPart[T any](dst []T, width int, indexes []int, e *extent) (err error) {
	var fault error
	for range mostTries {
		limit := e.limit()
		allowed := e.below(limit)
		if err := e.ready(indexes, allowed, limit, fault != nil); err != nil {
			return err
		}
		bad := 0
		if width == 1 {
			bad, fault = copyElements(dst, indexes, e, allowed)
		} else {
			bad, fault = copyRows(dst, width, indexes, e, allowed)
		}
		switch after := e.limit(); {
		case bad < len(indexes) && fault == nil: // somebody else writes to indexes
			return e.refuse(indexes[bad], limit)
		case fault == nil && (after >= limit || mem.Allows(after) && e.below(after) == allowed):
			return nil
		}
		// A page has left the memory again, or the mapping has changed. Say what is the matter, or
		// try again.
	}
	if fault == nil {
		return errUnsteady
	}
	return fmt.Errorf("a page of the elements, or of the slice, left the memory again and again: %w", fault)
}

// errUnsteady is why a copy was given up.
var errUnsteady = fmt.Errorf("the memory changed again and again while it was copied; try again when no other goroutine grows or protects it: %w", typedmem.ErrBusy)

// copyElements copies elements below allowed. It returns the place of an index that is not, else
// the number of indexes. A fault, as of a page that has left the memory again, ends it.
func copyElements[T any](dst []T, indexes []int, e *extent, allowed int) (done int, fault error) {
	defer caught(debug.SetPanicOnFault(true), &fault)
	dst = dst[:len(indexes)]
	first, stride := unsafe.Add(unsafe.Pointer(nil), e.first), e.stride
	for k, i := range indexes {
		if uint(i) >= uint(allowed) {
			return k, nil
		}
		// SAFETY: the element ends at or before the limit that allowed was computed from. The range
		// of addresses stays reserved as long as e.limits is reachable; a page that is taken away
		// meanwhile faults, which is caught.
		p := unsafe.Add(first, uintptr(i)*stride)
		if race.Enabled {
			e.limits.Race().Read(p, unsafe.Sizeof(*new(T)))
		}
		dst[k] = *(*T)(p)
	}
	runtime.KeepAlive(e.limits)
	return len(indexes), nil
}

// copyRows is copyElements for rows of several T.
func copyRows[T any](dst []T, width int, indexes []int, e *extent, allowed int) (done int, fault error) {
	defer caught(debug.SetPanicOnFault(true), &fault)
	first, stride := unsafe.Add(unsafe.Pointer(nil), e.first), e.stride
	for k, i := range indexes {
		if uint(i) >= uint(allowed) {
			return k, nil
		}
		// SAFETY: as in copyElements; the row has width elements.
		p := unsafe.Add(first, uintptr(i)*stride)
		if race.Enabled {
			e.limits.Race().Read(p, e.size)
		}
		copy(dst[k*width:(k+1)*width], unsafe.Slice((*T)(p), width))
	}
	runtime.KeepAlive(e.limits)
	return len(indexes), nil
}

// caught restores what SetPanicOnFault returned, and makes an error of a fault.
func caught(old bool, fault *error) {
	debug.SetPanicOnFault(old)
	if r := recover(); r != nil {
		err, ok := r.(runtime.Error)
		if !ok {
			panic(r)
		}
		*fault = err
	}
}

// limit is the address after the last byte that may be read, or the reason why none may.
func (e *extent) limit() uintptr {
	if e.limits == nil {
		return mem.Closed
	}
	return e.limits.Readable()
}

// Bounds of how many elements are gathered at once: more pages could push one another out of a
// small memory.
const (
	partElements = 4096
	partBytes    = 16 << 20
)

func (e *extent) part() int {
	size := max(e.size, uintptr(1)<<resident.Shift)
	return int(min(max(partBytes/size, 1), partElements))
}

// ready checks the elements and brings their pages into memory, with all even those that are known
// to be there.
func (e *extent) ready(indexes []int, allowed int, limit uintptr, all bool) error {
	if allowed == 0 {
		return e.refuse(indexes[0], limit)
	}
	p := e.seen(e.first + uintptr(allowed-1)*e.stride + e.size)
	var now resident.Period
	if p == resident.Everything || all {
		if err := e.check(indexes, allowed, limit); err != nil || !all {
			return err
		}
	}
	if !all {
		now = resident.Now()
		if lacks, err := e.lacks(p, now, indexes, allowed, limit); err != nil || lacks == 0 {
			return err
		}
	}
	err := e.bring(p, now, indexes, all)
	if err == nil {
		return nil
	}
	if limit = e.limit(); e.below(limit) < allowed { // that is why, and says more
		if why := e.check(indexes, e.below(limit), limit); why != nil {
			return why
		}
	}
	return err
}
