package blob

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	chunkBits = 16                     // pages are brought in by chunks of 64 KiB
	forget    = 500 * time.Millisecond // for how long a chunk counts as present
)

// pages remembers for a short time which chunks of a file have been brought into memory. A read of
// others asks the system for them in a call: the goroutine then waits for the device as in any
// system call, and a page that cannot come is an error. Without that each cold page would stop its
// thread in a fault, which the scheduler does not see.
type pages struct {
	fromFile bool
	known    atomic.Pointer[[]atomic.Uint32] // a bit a chunk; nil for none
	growing  sync.Mutex                      // held to replace the slice
}

// bring brings the bytes [lo, hi) of the store into memory.
func (s *Store) bring(lo, hi int) error {
	if !s.pages.fromFile || hi <= lo {
		return nil
	}
	from, to := lo>>chunkBits, (hi-1)>>chunkBits
	known := s.pages.known.Load()
	for c := from; c <= to; c++ {
		if known == nil || c>>5 >= len(*known) || (*known)[c>>5].Load()>>(c&31)&1 == 0 {
			return s.bringChunks(c, to)
		}
	}
	return nil
}

// bringChunks brings in the chunks from one to another, both included.
func (s *Store) bringChunks(from, to int) error {
	n := s.region.Len()
	end := n
	if to < n>>chunkBits {
		end = (to + 1) << chunkBits
	}
	if err := s.region.Prefault(min(from<<chunkBits, n), end); err != nil {
		return err
	}
	known := s.pages.room(n>>chunkBits + 1)
	for c := from; c <= min(to, n>>chunkBits); c++ {
		known[c>>5].Or(1 << (c & 31))
	}
	return nil
}

// room returns bits for that many chunks.
func (p *pages) room(chunks int) []atomic.Uint32 {
	words := chunks>>5 + 1
	if known := p.known.Load(); known != nil && len(*known) >= words {
		return *known
	}
	p.growing.Lock()
	defer p.growing.Unlock()
	old := p.known.Load()
	switch {
	case old == nil: // soon the system may have taken the pages back
		time.AfterFunc(forget, func() { p.known.Store(nil) })
	case len(*old) >= words:
		return *old
	}
	more := make([]atomic.Uint32, 2*words)
	if old != nil {
		for i := range *old {
			more[i].Store((*old)[i].Load())
		}
	}
	p.known.Store(&more)
	return more
}
