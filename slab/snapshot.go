package slab

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// Snapshot saves the slab as a slab file of its own at path, with all objects as they are at one
// instant during the call. The file appears under its name when it is complete, and with its name
// it is on the device when Snapshot returns. Nobody has it open, and nothing that happens to the
// slab changes it later. Any slab can be saved: one in memory, a slab file that is open for reading
// or writing.
//
// Handles of the objects are valid in the file too. When it is opened for writing it gives its new
// objects handles that are [ErrStale] in the slab, and the other way round, but for the chance that
// two slabs have. A handle that was stale in the slab stays stale in the file.
//
// All other methods may be called meanwhile. Most of the time nobody waits: objects that change are
// copied again. At the end, if they still change, Alloc, Insert, Store, Update and Free of this
// process wait while Snapshot looks at all words twice, about 15 ms for a million slots, and copies
// in memory what changed just before; Load never waits. A slab of 1 GiB that one goroutine changed
// all the time, 16 million objects or 1 million, was saved in about 5 s, and the longest wait was
// 0.6 s, on a busy machine of two cores.
//
// An Update is in the file as a whole or not at all, with what it changes in other objects. What is
// changed through an address ([Slab.Ptr], [Slab.All]) has its old or new value in the file, or a
// mixture of both.
//
// In a slab that [Open] returned the writer is another process, which does not wait. Snapshot does
// not see its Stores and Updates: an object that is stored to meanwhile may have an old or new
// value, or a mixture. Which objects there are is of one instant.
//
// Snapshot pins the slab, and takes 8 bytes of memory for each slot in use, beside the objects that
// change at the end. Where the file system can share blocks, a snapshot of a slab file takes little
// time and disk space, as that of a region does. The bytes of objects that were freed may be in the
// file. Its capacity is that of the slab, 16 more if there are guard slots; parts without objects
// can be holes, which OpenMut allocates space for.
//
// On error there is no file:
//   - [io/fs.ErrExist]: there is a file of that name, which stays as it is.
//   - [typedmem.ErrClosed]: the slab is closed.
//   - [typedmem.ErrType]: T may live in memory, but not in a file.
//   - [typedmem.ErrProtection], [typedmem.ErrBounds]: the memory cannot be read, or was cut.
//   - [typedmem.ErrTruncated], [typedmem.ErrLayout]: another program has made the slab's file
//     shorter, or has written another file's contents over it.
//   - [typedmem.ErrBusy]: for ten seconds there was no instant at which no object was inside an
//     Update, as when the function of an Update calls Snapshot of the same slab; or the writer in
//     another process made or freed objects all the time.
//   - An error that wraps the system's: the disk is full, say.
//
// The file has the permissions of a new file that the slab's file has too.
func (s *Slab[T]) Snapshot(path string) error {
	c := s.inner()
	unpin, err := c.pin()
	if err != nil {
		return shell.Fail("snapshot", err)
	}
	defer unpin()
	return shell.Fail("snapshot", printing.Named(path, c.snapshot(path)))
}

func (c *core) snapshot(path string) error {
	if err := shell.CheckType(c.layout, layout.SharedFile); err != nil {
		return err
	}
	capacity := uint64(c.pool.Cap) + uint64(len(c.guards.slots))
	if capacity > container.MostSlots {
		return fmt.Errorf("%d objects, with those in guard slots: %w", capacity, typedmem.ErrSize)
	}
	perm := shell.NewFile
	if f := c.file(); f != nil {
		info, err := f.f.Handle().Stat()
		if err != nil {
			return err
		}
		perm = info.Mode().Perm() & shell.NewFile
	}
	f, err := container.Create(path, spec(c.layout, int(capacity), rand.Uint64()), perm)
	if err != nil {
		return err
	}
	n, err := c.saveTo(f, capacity)
	if err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Finish(n)
}

// file returns what a slab file has, or nil.
func (c *core) file() *file {
	k := c.kind
	if d, ok := k.(*debugMode); ok {
		k = d.kind
	}
	switch k := k.(type) {
	case *writer:
		return &k.file
	case *reader:
		return &k.file
	}
	return nil
}

// intact returns an error if another program has changed the file, whose first end slots are used.
func (c *core) intact(end int) error {
	f := c.file()
	if f == nil {
		return nil
	}
	if r, reads := c.kind.(*reader); reads {
		r.mu.Lock()
		defer r.mu.Unlock()
		if _, err := r.f.Refresh(); err != nil {
			return err
		}
		return r.f.Whole(c.slotsEnd(end))
	}
	return f.f.Intact(c.slotsEnd(end))
}

// saveTo makes a new file the snapshot, and returns how many of its slots are in use.
func (c *core) saveTo(f *container.File, capacity uint64) (used int, err error) {
	s := &copier{c: c, to: f, slots: container.WordsEnd(capacity)}
	if err := f.Handle().Truncate(s.slots); err != nil {
		return 0, err
	}
	if err := s.begin(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.seen.Close()) }()
	err = s.copy()
	if broken := c.intact(s.end); broken != nil { // which may be why there was a fault
		return 0, broken
	}
	if err == nil {
		err = s.finish()
	}
	return s.end, err
}
