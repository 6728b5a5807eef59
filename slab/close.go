package slab

import (
	"errors"
	"fmt"
	"sync"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
)

// lastSync is the sync of a Close, which holds flushLock and growing.
func (c *core) lastSync() error {
	for _, step := range []func() error{c.flushSlots, c.flushAllWords, c.syncLength} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// close releases everything. What cannot be undone comes last. It does not wait for calls of others
// that wait for the kernel.
func (c *core) close() error {
	p := &c.pool
	p.closing.Lock()
	defer p.closing.Unlock()
	if p.closed.Load() {
		return typedmem.ErrClosed
	}
	if c.first() != c.m && !c.unmapped() {
		return fmt.Errorf("Mapping was split, and the part with the first slots is open; close it first: %w", typedmem.ErrBusy)
	}
	for _, one := range []*sync.Mutex{&p.flushLock, &p.growing} {
		if !one.TryLock() {
			return fmt.Errorf("a Sync or Flush is at work, or the slab is about to grow; close it again after that: %w", typedmem.ErrBusy)
		}
		defer one.Unlock()
	}
	var cut error // others have cut the file off, and no second Close could repair that
	if c.file != nil && c.file.writer {
		err := c.lastSync()
		if container.Foreign(err) {
			cut = err
		} else if err != nil && !errors.Is(err, typedmem.ErrClosed) { // a closed mapping has nothing to flush
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := c.m.Close()
	if err != nil && !errors.Is(err, typedmem.ErrClosed) {
		return err
	}
	p.shut()
	if c.checks != nil {
		err = errors.Join(err, c.checks.close())
	}
	if c.file == nil {
		return errors.Join(err, c.meta.Close())
	}
	if !c.file.writer {
		c.file.mu.Lock()
		defer c.file.mu.Unlock()
		c.file.closed = true
		return errors.Join(err, c.file.m.Close(), c.file.c.Close(-1))
	}
	flushed := c.file.m.Flush(0, c.file.m.Len())
	err = errors.Join(cut, err, flushed, c.meta.Close(), c.file.m.Close())
	if cut != nil || flushed != nil { // the file must not say that it was closed
		return errors.Join(err, c.file.c.Abandon())
	}
	return errors.Join(err, c.file.c.Close(c.slotsEnd(int(p.used.Load()))))
}

// closeMappings undoes what a constructor did before it failed.
func (c *core) closeMappings() error {
	var err error
	closing := map[*typedmem.Mapping]bool{nil: true}
	for _, m := range []*typedmem.Mapping{c.m, c.meta, c.fileWords()} {
		if !closing[m] {
			err = errors.Join(err, m.Close())
		}
		closing[m] = true
	}
	return err
}

func (c *core) fileWords() *typedmem.Mapping {
	if c.file == nil {
		return nil
	}
	return c.file.m
}
