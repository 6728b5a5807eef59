package slab

import (
	"context"

	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// Pin holds the slab open until unpin is called: Close returns [typedmem.ErrBusy] meanwhile, and
// addresses from [Slab.Ptr] stay valid as long as their objects live. A Close, split or shrinking
// Resize of [Slab.Mapping] is refused too. Pins count; calling one unpin more than once is
// harmless. While a [Slab.Shutdown] waits, and after Close, Pin returns [typedmem.ErrClosed].
func (s *Slab[T]) Pin() (unpin func(), err error) {
	unpin, err = s.inner().pin()
	return unpin, shell.Fail("pin", err)
}

// pin pins the mapping that Close closes first and, where SplitTo has cut it, the part with the
// first slots.
func (c *core) pin() (unpin func(), err error) {
	if c.m == nil {
		return nil, mem.ErrClosed
	}
	first := c.first()
	unpinFirst, err := first.Pin()
	if err != nil || first == c.m {
		return unpinFirst, err
	}
	unpinRest, err := c.m.Pin()
	if err != nil {
		unpinFirst()
		return nil, err
	}
	return func() { unpinRest(); unpinFirst() }, nil
}

// Shutdown refuses new pins of the slab with [typedmem.ErrClosed], waits until those that there are
// have ended, and closes the slab. It returns what [Slab.Close] returns then, such as the error of
// the last Sync of a file.
//
// It also waits for what Close returns [typedmem.ErrBusy] for: a Sync, Flush or growth of another
// goroutine, and a part of the Mapping that has the first slots. Meanwhile the slab works on, so a
// goroutine that has a pin can use all methods until it calls unpin.
//
//   - If ctx ends first, Shutdown returns an error that wraps ctx.Err() and says how many pins are
//     left. The slab stays open and can be pinned again.
//   - If nothing holds the slab, Shutdown closes it even if ctx has ended.
//   - If another Shutdown or Close closes the slab first, it returns [typedmem.ErrClosed], as it
//     does for a closed or zero Slab.
//   - After any other error the slab is as Close leaves it.
func (s *Slab[T]) Shutdown(ctx context.Context) error {
	if s.inner().m == nil {
		return shell.Fail("shutdown", mem.ErrClosed)
	}
	return shell.Fail("shutdown", mem.Of(s.core.m).Shutdown(ctx, s.core.close))
}
