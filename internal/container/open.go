package container

import (
	"errors"
	"fmt"
	"os"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/sys"
)

// Open opens a file and checks that it holds what spec says. With write it takes the writer lock.
// For a damaged, foreign or short file it returns an error that wraps ErrCorrupt, ErrLayout or
// ErrTruncated, and leaves the file as it was.
func Open(path string, spec Spec, write bool) (*File, error) {
	return openNamed(&File{path: path, spec: spec, writer: write})
}

// OpenShared is Open for one of several writers of a region of fixed length. None of them writes
// the header block or a live record, so none is needed when it dies. If a writer has left a live
// record, OpenShared returns ErrLeftOpen: then somebody has to open the file for writing and close
// it.
func OpenShared(path string, spec Spec) (*File, error) {
	return openNamed(&File{path: path, spec: spec, shared: true})
}

// ErrLeftOpen is returned by OpenShared for a file whose writer did not close it.
var ErrLeftOpen = errors.New("the writer that had it did not close it, and no other open could")

// mostRenames is how many files that lost their name meanwhile are opened before an open fails. A
// file system that gives one file several numbers looks the same.
const mostRenames = 100

// openNamed opens the file that has the path when it is locked.
func openNamed(how *File) (*File, error) {
	for range mostRenames {
		c, err := openNow(&File{path: how.path, spec: how.spec, writer: how.writer, shared: how.shared, name: new(Name), durableCopy: -1})
		if !errors.Is(err, errRenamed) {
			return c, err
		}
	}
	return nil, fmt.Errorf("%s: another file had its name each time it was locked, %d times; try again, or open it read-only: %w", how.path, mostRenames, typedmem.ErrBusy)
}

// errRenamed is what open returns to a writer whose file lost its name before it was locked.
var errRenamed = errors.New("another file has its name")

func openNow(c *File) (*File, error) {
	path := c.path
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is %s and no regular file: %w", path, printing.Kind(info.Mode()), typedmem.ErrOperation)
	}
	if c.f, err = sys.OpenFile(path, c.writer || c.shared); err != nil {
		return nil, err
	}
	c.users = &users{f: c.f}
	if err := c.open(); err == errRenamed {
		return nil, errors.Join(err, c.release())
	} else if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), c.release())
	}
	return c, nil
}

func (c *File) open() error {
	switch {
	case c.writer:
		if err := c.lock(); err != nil {
			return err
		}
	case c.shared:
		if err := c.lockShared(); err != nil {
			return err
		}
	}
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	c.name.set(c.path, info)
	buffer := blocks.Get().(*headerBlock)
	defer blocks.Put(buffer)
	block := buffer[:]
	if err := c.readHeader(block, info.Size()); err != nil {
		return err
	}
	if err := c.spec.matches(c.header); err != nil {
		return err
	}
	c.synced = c.header.length
	c.left = leftBy(block[liveOffset:])
	c.unflushed = c.left == LeftKilled || c.left == LeftUnknown
	n, writing, torn := liveLength(block[liveOffset:])
	for i := 0; torn && !c.writer && i < mostReads; i++ {
		if err := readBlock(c.f, block); err != nil {
			return err
		}
		n, writing, torn = liveLength(block[liveOffset:])
	}
	// The length is damaged, since no store is under way. The synced length cannot replace it: it
	// may be less, and a writer would clear the elements past it.
	if torn {
		return errLengthWord
	}
	if writing {
		c.header.length = n
	}
	if _, err := c.header.dataBytes(); err != nil {
		return err
	}
	switch {
	case c.shared && c.left != LeftClosed && [16]byte(block[liveOffset:]) != [16]byte{}:
		return ErrLeftOpen
	case !c.writer && !c.shared:
		return nil
	}
	c.openDirectory() // the process that made the file may not have synced its entry
	return c.mapBlock()
}

var errLengthWord = fmt.Errorf("the length word of the live record: %w", typedmem.ErrCorrupt)

// stillNamed returns errRenamed where the path names another file by now. A file that was replaced
// between its opening and its locking, as [File.Link] may do, would lose what this writer writes.
func (c *File) stillNamed() error {
	mine, err := c.f.Stat()
	if err != nil {
		return err
	}
	now, err := sys.StatFile(c.path)
	if err == nil && !os.SameFile(mine, now) {
		err = errRenamed
	}
	return err
}

// Begin writes the live record of a writer that has opened the file, with the length that Open
// found. It must be called after the data was repaired and the length was synced (see
// [File.Unsynced]), because a writer that is killed inside Begin leaves no live record. With flush
// the record is on the device when Begin returns, so that after a power failure the next writer
// knows that there was this one (see [Left]).
func (c *File) Begin(flush bool) error {
	return c.writing(func() error {
		if err := errors.Join(c.noteCleared(), c.endShorter()); err != nil {
			return err
		}
		if c.spec.Repair {
			return nil
		}
		c.live.begin(c.header.length)
		if !flush {
			return nil
		}
		return c.block.Flush(liveOffset, liveOffset+liveSize)
	})
}
