package typedmem

import (
	"math/bits"
	"runtime"
	"sync"
	"time"

	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// abandoned runs when nothing refers to the span's Limits any more. A goroutine may still be
// between its check and its access, so the span is released only after the next collection.
func (s *span) abandoned() {
	spans.Lock()
	if s.state != spanReleased {
		s.found = true
		spans.waiting++
	}
	spans.Unlock()
	runtime.AddCleanup(&struct{ later *span }{s}, (*span).releaseAbandoned, s)
}

// releaseAbandoned releases what an abandoned span still has.
func (s *span) releaseAbandoned() {
	if s.state == spanOpen {
		if s.lent.Load() { // raw memory may still be in use: it stays mapped for good
			s.forget()
			return
		}
		s.backing.release()
	}
	s.freeOrRetry()
}

// freeOrRetry releases the addresses. If the system refuses, it tries again after each collection:
// a release that cuts an area in two can fail for lack of areas.
func (s *span) freeOrRetry() {
	if s.free() != nil {
		runtime.AddCleanup(&struct{ again *span }{s}, (*span).freeOrRetry, s)
	}
}

// free releases the addresses.
func (s *span) free() error {
	if s.state == spanReleased {
		return nil
	}
	if s.reserved > 0 {
		if _, err := s.release(0, s.reserved); err != nil {
			return err
		}
	}
	s.forget()
	return nil
}

// manyHeld is the number of closed mappings with addresses at which a collection is started. The
// kernel joins neighbours, so this stays far below its limit of areas (65,530 by default on Linux).
const manyHeld = 8192

// manyBytes is the same for the bytes of these addresses: 128 MiB in a 32-bit program, whose heap
// must find room between them, 16 TiB in others. relieve lowers it where RLIMIT_AS leaves little.
var manyBytes = func() uint64 {
	if bits.UintSize == 32 {
		return 128 << 20
	}
	return 16 << 40
}()

// heldLen returns how many bytes of addresses the span keeps when it is held.
func (s *span) heldLen() uint64 {
	n, _ := num.Up(s.reserved, sys.Granularity())
	return uint64(n)
}

// markHeld marks a span whose memory is released, and starts a collection if many are held.
func (s *span) markHeld() {
	spans.Lock()
	s.state = spanHeld
	spans.held++
	before := spans.bytes
	spans.bytes += s.heldLen()
	collect := spans.held%manyHeld == 0 || spans.bytes/manyBytes > before/manyBytes
	spans.Unlock()
	if collect {
		go runtime.GC()
	}
}

// relieve runs the collector and waits, if closed mappings keep much of the addresses that the
// system allows: the Go heap does not look for these before it fails. Addresses that views still
// needed after the last run do not count. The caller has just closed a mapping and holds no lock.
func relieve() {
	limit, used, limited := sys.AddressLimit()
	bound := manyBytes
	if limited {
		bound = min(bound, (limit-min(limit, used)+heldBytes())/8)
	} else if bits.UintSize == 64 {
		return // addresses are plentiful
	}
	relieving.Lock()
	defer relieving.Unlock()
	spans.Lock()
	due := spans.bytes >= spans.needed+bound
	spans.Unlock()
	if !due {
		return
	}
	for tries := 0; tries < mostReclaims && reclaim() && heldBytes() >= bound; tries++ {
	}
	spans.Lock()
	spans.needed = spans.bytes
	spans.Unlock()
}

var relieving sync.Mutex

// heldBytes returns how many bytes of addresses closed mappings keep.
func heldBytes() uint64 {
	spans.Lock()
	defer spans.Unlock()
	spans.needed = min(spans.needed, spans.bytes)
	return spans.bytes
}

// mostReclaims limits the calls of reclaim for one request.
const mostReclaims = 8

// reclaim runs the collector, waits until the addresses that nobody needs are released, and reports
// whether there were any.
func reclaim() bool {
	count := func() (waiting, collected int) {
		spans.Lock()
		defer spans.Unlock()
		return spans.waiting, spans.collected
	}
	if reservedBytes() == 0 {
		return false
	}
	_, before := count()
	// What one collection finds is released after the next; a refused release is tried again after
	// the third.
	for round := range 3 {
		runtime.GC()
		last := before
		waiting := 0
		// Bounded, since others may keep closing mappings.
		for quiet, waited := 0, 0; quiet < 5 && waited < 100; quiet, waited = quiet+1, waited+1 {
			time.Sleep(time.Millisecond) // cleanups run in a goroutine of their own
			var now int
			if waiting, now = count(); now != last {
				quiet, last = 0, now
			}
		}
		if last != before {
			return true
		}
		if waiting == 0 && round > 0 { // a slow machine may still run the first round's cleanups
			return false
		}
	}
	return false
}
