package container

import (
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
)

// shorterAt is where the header block counts how often the file was made shorter: after the clear
// count, which a writer that begins counts up too. Writers never set it back. It is odd while a
// writer makes the file shorter, and after one was killed meanwhile.
const shorterAt = liveOffset + clearsAt + 8

func (c *File) shorterWord() *uint64 {
	// SAFETY: a multiple of 8 within the mapped header block, which c keeps.
	return (*uint64)(unsafe.Pointer(&c.bytes()[shorterAt]))
}

// CountShorter tells readers that the file is made shorter. A writer calls it before and after. On
// a full disk it may return an error.
func (c *File) CountShorter() error {
	word := littleEndian(littleEndian(atomic.LoadUint64(c.shorterWord())) + 1)
	if c.mayLackSpace {
		return sys.SpaceError(c.path, mem.Of(c.block).WriteWord(shorterAt, word))
	}
	atomic.StoreUint64(c.shorterWord(), word)
	return nil
}

// Shorter returns the count of CountShorter. It must be called after Refresh.
func (c *File) Shorter() (n uint64, err error) {
	err = typedmem.Guard(func() error {
		n = littleEndian(atomic.LoadUint64(c.shorterWord()))
		return nil
	})
	return n, err
}

// endShorter counts in the place of a writer that was killed between two calls of CountShorter: a
// reader that came between the first one and the shorter length knows elements that are cut off.
func (c *File) endShorter() error {
	if littleEndian(atomic.LoadUint64(c.shorterWord()))%2 == 0 {
		return nil
	}
	return c.CountShorter()
}
