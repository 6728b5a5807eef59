//go:build race

package race

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

const blockSize = 4096

// table finds the block of the Go heap that stands for a block of mapped memory. The collector
// takes it with the mapping, so that a mapping that gets the same addresses later begins with a
// clean one.
//
// The detector must not see how the table is kept: its atomics would order the very accesses that
// are to be reported. Its functions therefore run between RaceDisable and RaceEnable, and are
// marked norace since the detector then misses what orders their own accesses.
type table struct {
	buckets [1024]atomic.Pointer[block]
	older   [2]*table // of mappings that were merged into this one: looked at first
}

type block struct {
	bytes [blockSize]byte
	key   uintptr
	next  *block
}

// at returns the byte that stands for the one at addr.
//
//go:norace
func (s *Shadow) at(addr uintptr) unsafe.Pointer {
	runtime.RaceDisable()
	b := s.known().block(addr / blockSize)
	runtime.RaceEnable()
	// SAFETY: an index below the size of the array that it points into.
	return unsafe.Pointer(&b.bytes[addr%blockSize])
}

//go:norace
func (s *Shadow) known() *table {
	t := s.table.Load()
	if t == nil {
		s.table.CompareAndSwap(nil, new(table))
		t = s.table.Load()
	}
	return t
}

// block returns the block for key and makes it where there is none.
//
//go:norace
func (t *table) block(key uintptr) *block {
	bucket := &t.buckets[key%uintptr(len(t.buckets))]
	for {
		first := bucket.Load()
		if b := t.find(key); b != nil {
			return b
		}
		if b := (&block{key: key, next: first}); bucket.CompareAndSwap(first, b) {
			return b
		}
	}
}

//go:norace
func (t *table) find(key uintptr) *block {
	for _, o := range t.older {
		if o != nil {
			if b := o.find(key); b != nil {
				return b
			}
		}
	}
	for b := t.buckets[key%uintptr(len(t.buckets))].Load(); b != nil; b = b.next {
		if b.key == key {
			return b
		}
	}
	return nil
}
