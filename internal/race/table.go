//go:build race

package race

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

const blockSize = 4096

// table finds the block of the Go heap that stands for a block of mapped memory. It dies with its
// mapping, so that a later one at the same addresses begins with a clean table.
//
// The detector must not see the table itself: its atomics would order the accesses that are to be
// checked. So its functions run between RaceDisable and RaceEnable. They are norace, since the
// detector then misses what orders their own accesses.
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

// block returns the block for key, and makes it if necessary.
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
