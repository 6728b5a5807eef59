package container

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
)

// StoresShowInFile says whether a read of a file sees what a mapping of it has stored.
const StoresShowInFile = sys.WritesShowInMappings

// cloneBlock is what parts that share disk space are a multiple of.
const cloneBlock = DataOffset

// copyPart is how many bytes are cloned or copied at once: a file system keeps others from writing
// to a file while it clones a part of it.
const copyPart = 64 << 20

// writeStep is how many bytes Write writes at once. The device begins with each step while the next
// one is written. So a snapshot of 1 GiB of memory took 0.5 to 0.6 s; with steps of 64 MiB, and a
// device that began at the end, it took 1.4 to 4 s.
const writeStep = 256 << 10

// CopyFrom makes the bytes [off, end) of a file that Create made those of src, and clears the rest
// of the last page. off is a multiple of 64 KiB. Where the file system can it shares the blocks. It
// calls flush before it clones a part, since the file system keeps others from writing to src until
// what is dirty in that part is on the device. If src ends before end the error wraps ErrTruncated.
func (c *File) CopyFrom(src *os.File, off, end int64, flush func(off, end int64) error) error {
	clones := true
	for off < end {
		n := min(end-off, copyPart)
		blocks := n / cloneBlock * cloneBlock
		var err error
		if clones && blocks > 0 {
			if err = flush(off, off+blocks); err == nil {
				err = sys.CloneRange(c.f, src, off, blocks)
			}
			if clones = !errors.Is(err, errors.ErrUnsupported); clones {
				n = blocks
			}
		}
		if !clones || blocks == 0 {
			if err = sys.CopyRange(c.f, src, off, n); err == nil {
				_ = sys.WriteBehind(c.f, off, n) // the device writes while the next part is copied
			}
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%s was cut off before byte %d: %w", src.Name(), off+n, typedmem.ErrTruncated)
		}
		if err != nil {
			return sys.SpaceError(c.path, err)
		}
		off += n
	}
	return c.Fill(end)
}

// Write writes the bytes b at off to a file that Create made.
func (c *File) Write(b []byte, off int64) error {
	for len(b) > 0 {
		n := min(len(b), writeStep)
		if _, err := c.f.WriteAt(b[:n], off); sys.BadAddress(err) {
			return fmt.Errorf("the memory cannot be read: %w: %w", typedmem.ErrTruncated, err)
		} else if err != nil {
			return sys.SpaceError(c.path, err)
		}
		if n == writeStep { // less than that may be written over soon
			_ = sys.WriteBehind(c.f, off, int64(n))
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}

// Fill writes zeros from byte end to the end of its page: a file ends with whole pages, see cut.
func (c *File) Fill(end int64) error {
	page := int64(sys.PageSize())
	rest := (page - end%page) % page
	return c.Write(make([]byte, rest), end)
}

// Finish is [File.Link] for a file that has no writer: when it returns the file, with n elements,
// and its name are on the device, and it is closed. On error no file is left, but one that has
// replaced another file, and whose name could not be made durable, stays.
func (c *File) Finish(n int) error {
	err := c.writing(func() error { c.live.end(); return nil })
	if err == nil {
		err = c.Link(n)
	}
	if err != nil {
		return errors.Join(err, c.Discard())
	}
	if err := c.syncDirectory(); err != nil {
		return errors.Join(err, c.block.Close(), c.takeBack(), c.release())
	}
	if err := c.Close(-1); err != nil {
		return errors.Join(err, c.takeBack())
	}
	return nil
}

// takeBack removes the name of a new file. It stays where it has replaced another file.
func (c *File) takeBack() error {
	if c.replaces {
		return nil
	}
	return os.Remove(c.path)
}

// Adopt gives a file that CreateOver made the permissions of the one that it replaces and, as far
// as this process may, its owner.
func (c *File) Adopt(old *File) error {
	info, err := old.f.Stat()
	if err != nil {
		return err
	}
	c.old = old
	c.perm = info.Mode().Perm() // Link may take away more of ownerMode
	if err := sys.CopyOwner(c.f, old.f); err != nil {
		return err
	}
	return c.f.Chmod(info.Mode().Perm() | ownerMode)
}

// ReadInto fills b with the bytes from off on. If the file ends before, the error wraps
// ErrTruncated.
func (c *File) ReadInto(b []byte, off int64) error {
	n, err := c.f.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s was cut off at byte %d: %w", c.path, off+int64(n), typedmem.ErrTruncated)
	}
	return err
}
