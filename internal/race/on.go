//go:build race

package race

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// Enabled reports whether the race detector is on. As a constant it costs ordinary builds nothing.
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

// Share gives what s knows to o, which stands for a part of the memory of s from now on.
func (s *Shadow) Share(o *Shadow) {
	runtime.RaceDisable()
	defer runtime.RaceEnable()
	o.table.Store(s.known())
}

// Join gives what o knows to s, which stands for the memory of both from now on.
func (s *Shadow) Join(o *Shadow) {
	runtime.RaceDisable()
	defer runtime.RaceEnable()
	if mine, other := s.known(), o.known(); mine != other {
		s.table.Store(&table{older: [2]*table{mine, other}})
	}
}
