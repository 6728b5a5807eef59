package region

import (
	"unsafe"

	"github.com/typedmem/typedmem/internal/race"
)

// RaceAcquire and RaceRelease tell the race detector of synchronisation through an atomic in mapped
// memory, which it does not see by itself: an atomic that v shows as element i, or that is a field
// of that element. Call RaceRelease before the atomic store (or add, or swap) that publishes, and
// RaceAcquire after the atomic load that has seen it:
//
//	region.RaceRelease(flags, 0)
//	flags.Ptr(0).Store(1)
//
//	for flags.Ptr(0).Load() == 0 {
//	}
//	region.RaceAcquire(flags, 0)
//
// What came before RaceRelease then counts as done before what follows RaceAcquire, and is not
// reported. Without -race both do nothing, and where v has no element i they do nothing in any
// build. They synchronise nothing themselves.
func RaceAcquire[T any](v View[T], i int) {
	if race.Enabled && uint(i) < uint(v.n) {
		v.limits.Race().Acquire(unsafe.Pointer(&v.elements()[i]))
	}
}

// RaceRelease is described at RaceAcquire.
func RaceRelease[T any](v View[T], i int) {
	if race.Enabled && uint(i) < uint(v.n) {
		v.limits.Race().Release(unsafe.Pointer(&v.elements()[i]))
	}
}
