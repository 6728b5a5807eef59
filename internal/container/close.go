package container

import (
	"errors"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
)

// Close closes the file. If size is not negative, a writer cuts off the space that it had set aside
// past size bytes, in whole pages: some file systems with blocks smaller than a page lose data that
// is stored past an end inside a page. A length for which [File.Unsynced] is true must be synced
// first. If another program has cut the file off, everything is released and Close returns an
// error.
func (c *File) Close(size int64) error {
	var err error
	if c.writer {
		// On a full disk the live record stays, as if a writer with nothing unsynced were killed.
		if err = typedmem.Guard(func() error { c.live.end(); return nil }); sys.OutOfSpace(err) {
			err = nil
		}
	}
	err = errors.Join(err, c.closeBlock())
	if c.writer && size >= 0 {
		c.cut(size)
	}
	return errors.Join(err, c.release())
}

// cut shortens the file to size bytes, rounded up to whole pages.
func (c *File) cut(size int64) {
	page := int64(sys.PageSize())
	size = (size + page - 1) / page * page
	if info, err := c.f.Stat(); err == nil && info.Size() > size {
		// On some systems a reader's mapping keeps the file from being shortened. The space then
		// stays until the next writer closes the file.
		_ = c.f.Truncate(size)
	}
}

// Abandon closes a file that Open opened and leaves it as the last writer left it.
func (c *File) Abandon() error {
	if c.abandoned { // by the file that replaces it
		return nil
	}
	c.abandoned = true
	return errors.Join(c.closeBlock(), c.release())
}

func (c *File) closeBlock() error {
	if c.block == nil {
		return nil
	}
	return c.block.Close()
}

// release unlocks and closes the file. Closing alone is not enough: a child process that another
// goroutine is starting shares the descriptor, and with it the lock, until it runs its program.
func (c *File) release() error {
	var err error
	if c.locked {
		err = sys.UnlockFile(c.f)
	}
	return errors.Join(err, c.closeDirectory(), c.users.done())
}
