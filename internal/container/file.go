package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/sys"
)

// File is an open container. A writer holds the file's lock and has the header block mapped; a
// reader maps the block at its first Refresh.
//
// Its methods are for one goroutine at a time, except that [File.Publish] may run beside
// [File.Sync], and Handle, Width, [File.Whole] and [File.Intact] beside all but Close.
type File struct {
	path      string
	name      *Name
	f         *os.File
	users     *users // of f
	writeback mem.Writeback
	temporary string // the name that the file has until Link
	replaces  bool   // Create made it to take the name of another file
	old       *File  // that file, once adopted
	abandoned bool
	spec      Spec
	perm      fs.FileMode // of a file that Create made
	header    *header
	writer    bool
	shared    bool // one of several writers, which leave the header block as it is
	locked    bool // this open file holds the writer lock

	block        *typedmem.Mapping // the header block
	mayLackSpace bool              // stores to the block must go through Write of its mapping
	live         liveRecord

	synced        uint64     // the length that both copies state
	durableCopy   int        // the copy that is known to be on the device, -1 for none
	copiesFlushed bool       // the copies that Open found are known to be on the device
	damaged       bool       // one of the copies has to be written anew
	unflushed     bool       // the device may hold a length that nobody was told of
	entryUnsynced bool       // the file's directory entry may not be on the device
	directory     *directory // kept open until the entry is synced, nil where it cannot be read
	dropDirectory runtime.Cleanup
	left          Left // how the last writer left the file
}

// users counts the users of an open file: the File and its mappings, which share one descriptor.
// The last user closes it.
type users struct {
	f      *os.File
	others atomic.Int32
}

func (u *users) done() error {
	if u.others.Add(-1) >= 0 {
		return nil
	}
	return u.f.Close()
}

// Share adds a user of the open file. done ends the use.
func (c *File) Share() (done func() error) {
	c.users.others.Add(1)
	return c.users.done
}

// Writeback remembers that the system could not write to the file. All its mappings share it.
func (c *File) Writeback() *mem.Writeback { return &c.writeback }

// Unwritten returns why no flush of the file can succeed any more, or nil.
func (c *File) Unwritten() error { return printing.Named(c.path, c.writeback.Failed()) }

// Flush makes all of the file durable.
func (c *File) Flush() error { return c.writeback.Do(c.f.Sync, sys.LosesPages) }

func (c *File) mapBlock() error {
	r := mem.Request{Size: DataOffset, File: c.f, HasFile: true, Flags: flags.Shared, Protection: flags.Read, WithinFile: true, FileOwner: c}
	if c.writer {
		r.Protection |= flags.Write
	}
	m, err := mem.Map[*typedmem.Mapping](r)
	if err != nil {
		return err
	}
	c.block = m
	mem.Of(m).SetUse(&mem.Use{Kind: "header of a file"})
	c.mayLackSpace = mem.Of(m).MayLackSpace()
	c.live = liveRecord{c.bytes()[liveOffset : liveOffset+liveSize]}
	return nil
}

// bytes returns the mapped header block. It does not use Mapping.Bytes, so that the collector
// releases the mapping of a file that nobody closes.
func (c *File) bytes() []byte {
	// SAFETY: the block is mapped DataOffset bytes long until Close, and c keeps it; no part of the
	// slice leaves this package.
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), c.block.Addr())), DataOffset)
}

// writing runs f, which writes to the header block. If the disk is full, or the file was cut off,
// it returns an error instead of a fault.
func (c *File) writing(f func() error) error {
	err := typedmem.Guard(f)
	if fault := (*typedmem.FaultError)(nil); errors.As(err, &fault) && sys.OutOfSpace(err) {
		err = fmt.Errorf("the header cannot be written: %w", sys.ErrNoSpace)
	}
	return sys.SpaceError(c.path, err)
}

// Handle returns the open file.
func (c *File) Handle() *os.File { return c.f }

// Writer reports whether the file was created or opened for writing.
func (c *File) Writer() bool { return c.writer }

// Length returns the length in elements that Open or the last Refresh found.
func (c *File) Length() int { return int(c.header.length) }

// Shorten sets the length to a smaller one, for data that ends before the length in the header. It
// must be called before [File.Begin].
func (c *File) Shorten(n int) {
	c.header.length = uint64(n)
}

// Capacity returns the number of slots of a slab file.
func (c *File) Capacity() uint64 { return c.header.capacity }

// Width returns how many elements are in a row of a region file, 0 for 1.
func (c *File) Width() int { return int(c.header.width) }

// Salt returns the salt of a slab file.
func (c *File) Salt() uint64 { return c.header.salt }

// Left returns how the last writer had left the file when it was opened.
func (c *File) Left() Left { return c.left }

// Zero makes n bytes of the file from off on read as zero.
func (c *File) Zero(off, n int64) error {
	return printing.Named(c.path, sys.Zero(c.f, off, n))
}

// Whole returns ErrTruncated if the file ends before byte end, where its data ends: somebody has
// cut off a part of it.
func (c *File) Whole(end int64) error {
	info, err := c.f.Stat()
	if err == nil && info.Size() < end {
		return fmt.Errorf("%s was cut off at byte %d, its data ends at byte %d: %w", c.path, info.Size(), end, typedmem.ErrTruncated)
	}
	return err
}

// Foreign reports whether err says that another program has cut the file off or written another
// file's contents over it. What an open file holds cannot be saved then.
func Foreign(err error) bool {
	return errors.Is(err, typedmem.ErrTruncated) || errors.Is(err, typedmem.ErrLayout)
}
