package typedmem

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/typedmem/typedmem/internal/sys"
)

// span is the range of addresses that one Limits stands for, and all that is needed to give it back: it never points to the Limits
// or the Mapping, so that the collector can find those unreachable. The mapping's lock guards it.
type span struct {
	base     uintptr // multiple of the granularity or the page size
	mapped   int     // bytes from base with memory behind them
	reserved int     // bytes from base that are ours; at least mapped
	state    spanState
	backing  *backing
	lent     atomic.Bool // raw memory was handed out
}

type spanState uint8

const (
	spanOpen spanState = iota // the mapping is in use
	spanHeld                  // the mapping is closed, the addresses are kept
	spanGone                  // nothing is left to give back: released, or merged into another span
)

// spans are all spans that are not gone, for finding the mapping behind an address.
var spans = struct {
	sync.Mutex
	limits map[*span]weak.Pointer[Limits]
	held   int // spans in state spanHeld
}{limits: map[*span]weak.Pointer[Limits]{}}

// newLimits makes the Limits of a span and ties the span's end to them.
func newLimits(s *span, owner *Mapping) *Limits {
	l := &Limits{span: s}
	l.owner.Store(owner)
	spans.Lock()
	spans.limits[s] = weak.Make(l)
	spans.Unlock()
	runtime.AddCleanup(l, (*span).abandoned, s)
	return l
}

// abandoned runs when nothing refers to the Limits of the span any more.
func (s *span) abandoned() {
	spans.Lock()
	state := s.state
	delete(spans.limits, s)
	spans.Unlock()
	if state == spanOpen {
		if s.lent.Load() {
			return // somebody may still hold raw memory: it stays mapped for good
		}
		s.backing.release()
	}
	// A failure leaves the addresses reserved, which harms nobody, and there is nobody to tell.
	_ = s.free()
}

// free gives the addresses back.
func (s *span) free() error {
	if s.state == spanGone {
		return nil
	}
	if s.reserved > 0 {
		if err := sys.Release(s.base, s.reserved); err != nil {
			return err
		}
	}
	s.forget()
	return nil
}

// forget takes the span out of the books: its addresses are free or belong to another span.
func (s *span) forget() {
	spans.Lock()
	defer spans.Unlock()
	if s.state == spanHeld {
		spans.held--
	}
	s.state = spanGone
	delete(spans.limits, s)
}

// manyHeld is the number of closed mappings whose addresses wait for the collector at which one collection is started. The kernel
// joins neighbours, so that this stays far from its own limit (65,530 areas by default on Linux).
const manyHeld = 8192

// keep marks a span whose memory has been given back.
func (s *span) keep() {
	spans.Lock()
	s.state = spanHeld
	spans.held++
	collect := spans.held%manyHeld == 0
	spans.Unlock()
	if collect {
		go runtime.GC()
	}
}

// reclaim has the collector look for held addresses when the system has none left; it reports whether asking again is worth it.
func reclaim() bool {
	count := func() int {
		spans.Lock()
		defer spans.Unlock()
		return spans.held
	}
	before := count()
	if before == 0 {
		return false
	}
	for range 3 {
		runtime.GC()
		for range 10 {
			if count() < before {
				return true
			}
			time.Sleep(time.Millisecond) // cleanups run in a goroutine of their own
		}
	}
	return false
}

// mappingAt finds the mapping whose addresses include addr, and how far in that is from the mapping's first byte.
func mappingAt(addr uintptr) (m *Mapping, offset int, ok bool) {
	spans.Lock()
	defer spans.Unlock()
	for s, w := range spans.limits {
		if addr < s.base || addr-s.base >= uintptr(s.reserved) {
			continue
		}
		if l := w.Value(); l != nil {
			if m := l.owner.Load(); m != nil {
				return m, int(addr - m.addr.Load()), true
			}
		}
	}
	return nil, 0, false
}
