//go:build race

package race

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Enabled says whether this is a build under the race detector. It is a constant, so that what it
// guards costs nothing elsewhere.
const Enabled = true

// Shadow stands for the memory of one mapping. The zero Shadow is ready for use. All methods are
// safe for concurrent use.
type Shadow struct{ table atomic.Pointer[table] }

// Read tells the detector that the current goroutine reads n bytes at p.
func (s *Shadow) Read(p unsafe.Pointer, n uintptr) {
	for addr := uintptr(p); n > 0; {
		part := min(n, blockSize-addr%blockSize)
		runtime.RaceReadRange(s.at(addr), int(part))
		addr, n = addr+part, n-part
	}
}

// Write tells the detector that the current goroutine writes n bytes at p.
func (s *Shadow) Write(p unsafe.Pointer, n uintptr) {
	for addr := uintptr(p); n > 0; {
		part := min(n, blockSize-addr%blockSize)
		runtime.RaceWriteRange(s.at(addr), int(part))
		addr, n = addr+part, n-part
	}
}

// Acquire tells the detector that what came before each Release of the byte at p happened before
// what comes now.
func (s *Shadow) Acquire(p unsafe.Pointer) { runtime.RaceAcquire(s.at(uintptr(p))) }

// Release tells the detector that what came before happens before whatever follows an Acquire of
// the byte at p.
func (s *Shadow) Release(p unsafe.Pointer) { runtime.RaceReleaseMerge(s.at(uintptr(p))) }

// Share has o, which stands for a part of the memory that s stood for, go on with what is known of
// it.
func (s *Shadow) Share(o *Shadow) {
	runtime.RaceDisable()
	defer runtime.RaceEnable()
	o.table.Store(s.known())
}

// Join has s, which stands for the memory of o as well from now on, go on with what is known of it.
func (s *Shadow) Join(o *Shadow) {
	runtime.RaceDisable()
	defer runtime.RaceEnable()
	if mine, other := s.known(), o.known(); mine != other {
		s.table.Store(&table{older: [2]*table{mine, other}})
	}
}
