package region

import (
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/race"
)

// At returns element i. Where Load would return an error it panics with it.
func (r *Region[T]) At(i int) (x T) {
	var l *mem.Limits
	var end, p uintptr
	if uint(i) < uint(r.reach) {
		l = (*mem.Limits)(atomic.LoadPointer(&r.limits))
		if end, p = l.Readable(), l.Base()+uintptr(i)*unsafe.Sizeof(x); p+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				l.Race().Read(unsafe.Add(unsafe.Pointer(nil), p), unsafe.Sizeof(x))
			}
			return *(*T)(unsafe.Add(unsafe.Pointer(nil), p))
		}
	}
	panic(&typedmem.Error{Op: "at", Err: &regionRefusal[T]{r, l, i, end}})
}

// Set sets element i to x. Where Store would return an error it panics with it.
func (r *Region[T]) Set(i int, x T) {
	var l *mem.Limits
	var end, p uintptr
	if uint(i) < uint(r.reach) {
		l = (*mem.Limits)(atomic.LoadPointer(&r.limits))
		if end, p = l.Writable(), l.Base()+uintptr(i)*unsafe.Sizeof(x); p+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				l.Race().Write(unsafe.Add(unsafe.Pointer(nil), p), unsafe.Sizeof(x))
			}
			*(*T)(unsafe.Add(unsafe.Pointer(nil), p)) = x
			return
		}
	}
	panic(&typedmem.Error{Op: "set", Err: &regionRefusal[T]{r, l, i, end}})
}

// Load returns element i, with the errors of [View.Load]. It is not atomic: for elements that other
// goroutines write use [Region.Ptr] and sync/atomic.
func (r *Region[T]) Load(i int) (x T, err error) {
	var l *mem.Limits
	var end, p uintptr
	if uint(i) < uint(r.reach) {
		l = (*mem.Limits)(atomic.LoadPointer(&r.limits))
		if end, p = l.Readable(), l.Base()+uintptr(i)*unsafe.Sizeof(x); p+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				l.Race().Read(unsafe.Add(unsafe.Pointer(nil), p), unsafe.Sizeof(x))
			}
			return *(*T)(unsafe.Add(unsafe.Pointer(nil), p)), nil
		}
	}
	return x, &typedmem.Error{Op: "load", Err: &regionRefusal[T]{r, l, i, end}}
}

// Store sets element i to x. It is not atomic, and returns the errors of [View.Load]. If the region
// is not writable it returns [typedmem.ErrProtection], also for an index from Len on.
func (r *Region[T]) Store(i int, x T) (err error) {
	var l *mem.Limits
	var end, p uintptr
	if uint(i) < uint(r.reach) {
		l = (*mem.Limits)(atomic.LoadPointer(&r.limits))
		if end, p = l.Writable(), l.Base()+uintptr(i)*unsafe.Sizeof(x); p+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				l.Race().Write(unsafe.Add(unsafe.Pointer(nil), p), unsafe.Sizeof(x))
			}
			*(*T)(unsafe.Add(unsafe.Pointer(nil), p)) = x
			return
		}
	}
	return &typedmem.Error{Op: "store", Err: &regionRefusal[T]{r, l, i, end}}
}
