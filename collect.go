package typedmem

import (
	"math/bits"
	"runtime"
	"sync"
	"time"

	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// abandoned runs when nothing refers to the Limits of the span any more. A goroutine may stand
// between its check and its access with the Limits forgotten already: it has until the collection
// after this one.
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
		if s.lent.Load() { // somebody may still hold raw memory: it stays mapped for good
			s.forget()
			return
		}
		s.backing.release()
	}
	s.freeOrRetry()
}

// freeOrRetry releases the addresses. When the system refuses, it tries again after each
// collection: a release that cuts joined areas in two can fail for lack of areas.
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

// manyHeld is the number of closed mappings whose addresses wait for the collector at which one
// collection is started. The kernel joins neighbours, so that this stays far from its own limit
// (65,530 areas by default on Linux).
const manyHeld = 8192

// manyBytes is the number of bytes of such addresses at which one is started as well: 128 MiB in a
// 32-bit program, whose own heap must find room between them, 16 TiB in others. Where RLIMIT_AS
// leaves little it is an eighth of that, see relieve.
var manyBytes = func() uint64 {
	if bits.UintSize == 32 {
		return 128 << 20
	}
	return 16 << 40
}()

// heldLen returns how many bytes of addresses a closed span has until the collector comes.
func (s *span) heldLen() uint64 {
	n, _ := num.Up(s.reached, sys.Granularity())
	return uint64(n)
}

// markHeld marks a span whose memory has been given back.
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

// relieve has the collector look for the addresses of closed mappings, and waits, where they take
// much of what the system allows: the Go heap asks for addresses without looking for them first.
// The caller has just closed a mapping and holds no lock. Addresses that views still need do not
// count again.
func relieve() {
	limit, used, limited := sys.AddressLimit()
	bound := manyBytes
	if limited {
		bound = min(bound, (limit-min(limit, used)+heldBytes())/8)
	} else if bits.UintSize == 64 {
		return // there are always more
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

// mostReclaims is how often one request has the collector look for addresses.
const mostReclaims = 8

// reclaim has the collector look for addresses that nobody needs any more, and waits until what it
// found is given back; it reports whether there was any.
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
	for round := range 3 { // what was found goes with the second collection, what the system refused to take with the one after
		runtime.GC()
		last := before
		waiting := 0
		for quiet, waited := 0, 0; quiet < 5 && waited < 100; quiet, waited = quiet+1, waited+1 { // others may close mappings all the time
			time.Sleep(time.Millisecond) // cleanups run in a goroutine of their own
			var now int
			if waiting, now = count(); now != last {
				quiet, last = 0, now
			}
		}
		if last != before {
			return true
		}
		if waiting == 0 && round > 0 { // a slow machine may not be done with the cleanups of the first
			return false
		}
	}
	return false
}
