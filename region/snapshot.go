package region

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// Snapshot saves the region as a region file of its own at path. The file holds the elements up to
// one published length. It appears under its name when it is complete, and with its name it is on
// the device when Snapshot returns. Nobody has it open, and nothing that happens to the region
// changes it later. Any region can be saved: one in memory, one of a raw file, a region file that
// is open for reading or writing.
//
// Append, Sync, Flush and Refresh may run meanwhile, in this and other processes. The length is Len
// when Snapshot is called; in a region that was opened for reading it is that of the last Refresh,
// or less if the writer has made the file shorter since. An element that is set meanwhile, by Set
// or through raw memory, has its old or new value in the file, or a mixture of both.
//
// Snapshot pins the region. Where the file system can, the file shares the disk space of the
// region's file, which takes little time and space; then a later store to the region may need new
// space on the disk (see Full disks in the package comment).
//   - Linux: XFS with reflink, btrfs, bcachefs. While a part of up to 64 MiB is cloned, a store to
//     a page that was written back waits. Elsewhere copy_file_range(2), or a buffer of 1 MiB.
//   - Windows: ReFS. Elsewhere through a buffer.
//   - Other systems: through a buffer.
//   - Regions in memory are written from there.
//
// On error there is no file:
//   - [io/fs.ErrExist]: there is a file of that name, which stays as it is.
//   - [typedmem.ErrClosed]: the region is closed.
//   - [typedmem.ErrType]: T may live in memory, but not in a file.
//   - [typedmem.ErrProtection]: the memory cannot be read.
//   - [typedmem.ErrTruncated], [typedmem.ErrLayout]: another program has made the region's file
//     shorter, or has written another file's contents over it.
//   - [typedmem.ErrBusy]: the writer of the file made it shorter in each of ten attempts.
//   - An error that wraps the system's: the disk is full, say.
//
// The file has the permissions of a new file that the region's file has too.
func (r *Region[T]) Snapshot(path string) error {
	if r.core.closed() {
		return shell.Fail("snapshot", r.errClosed())
	}
	return shell.Fail("snapshot", printing.Named(path, r.core.snapshot(path)))
}

func (c *core) snapshot(path string) error {
	if err := checkFileType(c.layout); err != nil {
		return err
	}
	m := c.mapping()
	unpin, err := m.Pin()
	if err != nil {
		return err
	}
	defer unpin()
	length := c.elements(min(c.length(), m.Len()))
	fill := c.saveMemory
	if c.file != nil && m.Shared() && container.StoresShowInFile && c.file.Unwritten() == nil {
		fill = c.saveFile
	}
	if !c.reader || !m.Shared() {
		return save(path, c.layout, length, c.file, func(f *container.File, bytes int) error { return fill(f, m, bytes) })
	}
	for range 10 {
		before, n, _, err := c.look()
		if err != nil {
			return err
		}
		n = min(n, length)
		err = save(path, c.layout, n, c.file, func(f *container.File, bytes int) error {
			if err := fill(f, m, bytes); err != nil {
				return err
			}
			if _, now, after, err := c.look(); err != nil || now >= n && after == before {
				return err
			}
			return errShrunk
		})
		if !errors.Is(err, errShrunk) {
			return err
		}
	}
	return errShrunk
}

var errShrunk = fmt.Errorf("its writer has made the file shorter in each of ten attempts: %w", typedmem.ErrBusy)

// look asks for the length that the writer has published; see [container.File.Look].
func (c *core) look() (before uint64, n int, after uint64, err error) {
	c.follow.Lock()
	defer c.follow.Unlock()
	return c.file.Look()
}

// checkFileType returns an error if values of the type cannot be in a region file.
func checkFileType(l *layout.Layout) error {
	if err := shell.CheckType(l, layout.SharedFile); err != nil {
		return err
	}
	if l.Size > 1<<31-1 {
		return fmt.Errorf("elements of %d bytes: %w", l.Size, typedmem.ErrSize)
	}
	return nil
}

// save makes a region file of n elements, which fill copies into it. If it is saved from a file, it
// has that file's width, and of the permissions of a new file those that the file has.
func save(path string, l *layout.Layout, n int, from *container.File, fill func(f *container.File, bytes int) error) error {
	width, perm := 0, shell.NewFile
	if from != nil {
		info, err := from.Handle().Stat()
		if err != nil {
			return err
		}
		width, perm = from.Width(), info.Mode().Perm()&shell.NewFile
	}
	f, err := container.Create(path, spec(l, width), perm)
	if err != nil {
		return err
	}
	if err := fill(f, n*int(l.Size)); err != nil {
		return errors.Join(err, f.Discard())
	}
	return f.Finish(n)
}

// saveFile copies so many bytes of the region's file.
func (c *core) saveFile(f *container.File, m *typedmem.Mapping, bytes int) error {
	end := container.DataOffset + int64(bytes)
	if err := c.intact(end); err != nil {
		return err
	}
	flush := func(lo, hi int64) error {
		return m.Flush(int(lo-container.DataOffset), min(int(hi-container.DataOffset), m.Len()))
	}
	if err := f.CopyFrom(c.file.Handle(), container.DataOffset, end, flush); err != nil {
		return err
	}
	return c.intact(end)
}

// intact returns an error if another program has changed the file.
func (c *core) intact(end int64) error {
	if c.reader { // look has compared the header
		return c.file.Whole(end)
	}
	return c.file.Intact(end)
}

// saveMemory copies so many bytes from memory, in parts.
func (c *core) saveMemory(f *container.File, m *typedmem.Mapping, bytes int) error {
	const part = 64 << 20
	for lo := 0; lo < bytes; lo += part {
		err := f.Write(c.bytes(m, lo, min(lo+part, bytes)), container.DataOffset+int64(lo))
		if err := cmp.Or(mem.Of(m).Limits().Err(false), err); err != nil {
			return err
		}
	}
	return f.Fill(container.DataOffset + int64(bytes))
}
