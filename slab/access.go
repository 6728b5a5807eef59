package slab

import (
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// access finds the word of a live object, or why there is none. It waits for a word that somebody
// holds.
func (c *core) access(op *operation, h uint64) (w *uint64, word uint64, err error) {
	if w, word, err = c.find(op, h); err == nil && word&slots.Busy != 0 {
		return c.inTurn(op, h, false)
	}
	return w, word, err
}

// find is access that waits for a few instructions only: the word may say Busy.
func (c *core) find(op *operation, h uint64) (w *uint64, word uint64, err error) {
	i := uintptr(slots.Index(h))
	c.follow(i)
	if slots.RaceEnabled {
		defer c.pool.Shadows.Seen(h)
	}
	for look := 0; ; look++ {
		if i >= c.pool.Cap {
			if err := c.pool.Limits.Err(false); err != nil {
				return nil, 0, shell.Fail(op.name, err)
			}
			return nil, 0, op.invalid(h)
		}
		// The limits rise before used does, so a slot that used counts and the limits do not was
		// taken away.
		used := uintptr(c.pool.Used())
		if seen := c.pool.Limits.Readable(); c.pool.End(i) > seen {
			if mem.Allows(seen) && i >= used {
				return nil, 0, op.invalid(h)
			}
			return nil, 0, shell.Fail(op.name, c.pool.Refusal(i, seen))
		}
		limit := c.pool.Limits.Writable()
		w = c.pool.Word(i)
		switch word = slots.Load(w); {
		case slots.Generation(word) != slots.Generation(h) || !slots.IsLive(word):
			return nil, 0, op.invalid(h)
		case op.write && !mem.Allows(limit):
			return nil, 0, shell.Fail(op.name, c.pool.Refusal(i, limit))
		case word&slots.Busy == 0 || look == mostLooks:
			return w, word, nil
		}
	}
}

const (
	mostLooks = 8 // at a word that is busy, before a goroutine asks others to let it go first
	patience  = 3 // attempts that another goroutine may spoil, likewise
)

// hold finds a live object for writing and sets Busy in its word, which the caller publishes
// without it. Load, Store, Update and Free of others wait meanwhile.
func (c *core) hold(op *operation, h uint64) (w *uint64, word uint64, err error) {
	if c.waited.Load() != 0 {
		c.letPass(h)
	}
	for range patience {
		if w, word, err = c.find(op, h); err != nil {
			return nil, 0, err
		}
		if word&slots.Busy != 0 {
			break
		}
		if atomic.CompareAndSwapUint64(w, word, word|slots.Busy) {
			return w, word, nil
		}
	}
	return c.inTurn(op, h, true)
}

// letPass waits while others wait for the object, or for all of them. The former need nothing else,
// so nobody waits for itself.
func (c *core) letPass(h uint64) {
	for spin := 0; ; spin++ {
		if w := c.waited.Load(); w == 0 || w != h && w != everything {
			return
		}
		slots.Pause(spin)
	}
}

// waitFor says in waited whose turn somebody waits for, unless that is everything.
func (c *core) waitFor(h uint64) {
	if now := c.waited.Load(); now != everything {
		c.waited.CompareAndSwap(now, h)
	}
}

// inTurn is access, or hold if held is set, for a goroutine that may wait long. Meanwhile nobody
// who comes later takes the object, see hold, so it waits only for those who were there before.
func (c *core) inTurn(op *operation, h uint64, held bool) (w *uint64, word uint64, err error) {
	c.waiters.Add(1)
	defer func() { // find may fault
		if c.waiters.Add(-1) == 0 { // the handles of others are soon in waited again
			c.waitFor(0)
		}
	}()
	for spin := 0; ; spin++ {
		c.waitFor(h) // again each time: others wait for other objects
		switch w, word, err = c.find(op, h); {
		case err != nil:
			return nil, 0, err
		case word&slots.Busy != 0:
		case !held || atomic.CompareAndSwapUint64(w, word, word|slots.Busy):
			return w, word, nil
		}
		slots.Pause(spin)
	}
}
