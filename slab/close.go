package slab

import (
	"errors"
	"fmt"
	"slices"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
)

// close releases everything. What cannot be undone comes last. It does not wait for calls of others
// that wait for the kernel.
func (c *core) close() error {
	c.closing.Lock()
	defer c.closing.Unlock()
	if c.pool.Closed() {
		return typedmem.ErrClosed
	}
	if c.first() != c.m && !c.unmapped() {
		return fmt.Errorf("Mapping was split, and the part with the first slots is open; close it first: %w", typedmem.ErrBusy)
	}
	for _, one := range []tryLocker{&c.syncing, &c.pool.Flushing, &c.pool.Growing, &c.pool.Arriving} {
		if !one.TryLock() {
			return fmt.Errorf("a Sync or Flush is at work, or the slab is about to grow; close it again after that: %w", typedmem.ErrBusy)
		}
		defer one.Unlock()
	}
	// Others have cut the file off, or the system could not write to it and the caller has been
	// told: no second Close could repair that.
	cut := c.unwritten()
	if c.pool.Durable && cut == nil {
		err := c.flushSlots()
		if err == nil {
			err = c.pool.Flush()
		}
		if err == nil {
			err = c.kind.syncLength()
		}
		if container.Foreign(err) {
			cut = err
		} else if err != nil && !errors.Is(err, typedmem.ErrClosed) { // a closed mapping has nothing to flush
			return err
		}
	}
	var err error
	failed := c.pool.Close(func() error {
		if err = c.m.Close(); errors.Is(err, typedmem.ErrClosed) {
			return nil
		}
		return err
	})
	if failed != nil {
		return failed
	}
	return errors.Join(cut, err, closeAll(append(c.fences, c.guards.mapped...)), c.kind.close(cut != nil))
}

// unwritten returns why no Sync can succeed any more, or nil.
func (c *core) unwritten() error {
	if w, ok := c.kind.(*writer); ok {
		return w.f.Unwritten()
	}
	return nil
}

type tryLocker interface {
	TryLock() bool
	Unlock()
}

// closeMappings undoes what a constructor did before it failed.
func (c *core) closeMappings() error {
	return closeAll(slices.Concat(c.fences, c.guards.mapped, c.kind.mappings()))
}

func closeAll(list []*typedmem.Mapping) (err error) {
	for _, m := range list {
		if m != nil {
			err = errors.Join(err, m.Close())
		}
	}
	return err
}
