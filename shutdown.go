package typedmem

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Shutdown refuses new pins, waits until those that there are have ended, and closes the mapping.
// It returns what [Mapping.Close] returns then.
//
// It also waits for calls of other goroutines that are at work on the memory, where Close returns
// ErrBusy. All methods work on meanwhile: Close returns ErrBusy while the mapping is pinned, and a
// goroutine that has a pin can use the mapping until it calls unpin.
//
//   - If ctx ends first, Shutdown returns an error that wraps ctx.Err() and says how many pins are
//     left. The mapping stays open and can be pinned again.
//   - If nothing holds the mapping, Shutdown closes it even if ctx has ended.
//   - If another Shutdown or Close closes the mapping first, it returns [ErrClosed], as it does for
//     a closed, spent or zero Mapping. Pins are refused as long as one of several Shutdowns waits.
//   - After any other error, such as one of the system, the mapping is open and can be pinned.
//
// A part that SplitOff, SplitTo or Merge made is shut down by itself.
func (m *Mapping) Shutdown(ctx context.Context) error {
	if err := m.shutdown(ctx, m.Close); err != nil {
		return &Error{Op: "shutdown", Err: err}
	}
	return nil
}

// gate is what a Shutdown and the pins know of each other. The ranges of a region's reader share
// one, since a pin of one of them holds all; other mappings have one from their first Shutdown on.
type gate struct {
	shutdowns atomic.Int32 // that wait; pins are refused meanwhile
	pins      atomic.Int64 // as pins, of all mappings of the gate; changes under the lock of the mapping

	mu   sync.Mutex
	free chan struct{} // closed by the unpin that leaves no pin; nil where nobody waits for that
}

// refuses reports whether a new pin is refused. g may be nil.
func (g *gate) refuses() bool { return g != nil && g.shutdowns.Load() > 0 }

// add counts n pins more, and wakes each Shutdown when none is left. g may be nil.
func (g *gate) add(n pins) {
	if g == nil || g.pins.Add(int64(n)) > 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free != nil {
		close(g.free)
		g.free = nil
	}
}

// next returns a channel that is closed when the last pin ends after this call.
func (g *gate) next() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.free == nil {
		g.free = make(chan struct{})
	}
	return g.free
}

// ownGate returns the gate of m. The first call makes it.
func (m *Mapping) ownGate() *gate {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := m.gate.Load()
	if g == nil {
		g = new(gate)
		g.pins.Store(int64(m.pins))
		m.gate.Store(g)
	}
	return g
}

// The pauses between two attempts to close memory that only calls at work hold: these announce
// their end to nobody. They grow as those of net/http.Server.Shutdown do. A pin needs none.
const (
	firstPause   = time.Millisecond
	longestPause = 100 * time.Millisecond
)

// shutdown is Shutdown with another function in place of Close, which returns ErrBusy as Close
// does.
func (m *Mapping) shutdown(ctx context.Context, close func() error) error {
	g := m.ownGate()
	g.shutdowns.Add(1)
	defer g.shutdowns.Add(-1)
	for pause := firstPause; ; {
		free := g.next() // before the pins are counted, so that no unpin is missed
		var busy error
		var again <-chan time.Time
		if g.pins.Load() == 0 {
			if busy = close(); !errors.Is(busy, ErrBusy) {
				return busy
			}
			again = time.After(pause)
			pause = min(2*pause, longestPause)
		}
		select {
		case <-free:
		case <-again:
		case <-ctx.Done():
			if left := pins(g.pins.Load()).count(); left > 0 || busy != nil {
				return m.notYet(ctx.Err(), left, busy)
			}
		}
	}
}

// notYet returns the error of a Shutdown whose context ended with err.
func (m *Mapping) notYet(err error, pins int, busy error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if pins > 0 {
		err = fmt.Errorf("pins left: %d (a Sync, Append or Resize that is at work counts as one); call each unpin, then Shutdown again: %w", pins, err)
	} else {
		err = fmt.Errorf("no pin is left, but %s; call Shutdown again: %w", reason(busy), err)
	}
	return m.fail("shutdown", err)
}

// errShuttingDown is why a pin is refused while a Shutdown waits.
var errShuttingDown = fmt.Errorf("a Shutdown closes it, or waits for the pins that there are: %w", ErrClosed)
