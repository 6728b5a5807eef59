package slab

import (
	"errors"
	"fmt"
	"sync"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
)

// lastSync is the sync of a Close, which holds the locks.
func (c *core) lastSync() error {
	for _, step := range []func() error{c.flushSlots, c.pool.Flush, c.kind.syncLength} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

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
	for _, one := range []*sync.Mutex{&c.pool.Flushing, &c.pool.Growing} {
		if !one.TryLock() {
			return fmt.Errorf("a Sync or Flush is at work, or the slab is about to grow; close it again after that: %w", typedmem.ErrBusy)
		}
		defer one.Unlock()
	}
	var cut error // others have cut the file off, and no second Close could repair that
	if c.pool.Durable {
		err := c.lastSync()
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
	return errors.Join(cut, err, c.closeFences(), c.kind.close(cut != nil))
}

// closeFences closes what debug mode and guard slots have mapped besides slots and words.
func (c *core) closeFences() error {
	err := c.guards.close()
	for _, m := range c.fences {
		err = errors.Join(err, m.Close())
	}
	return err
}

// closeMappings undoes what a constructor did before it failed.
func (c *core) closeMappings() error {
	err := c.closeFences()
	for _, m := range c.kind.mappings() {
		if m != nil {
			err = errors.Join(err, m.Close())
		}
	}
	return err
}
