package container

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
)

// NoteCleared counts that a writer has cleared elements that readers may know, before others can
// take their place. A writer calls it after it has made the file shorter. Begin does so too, for a
// writer that was killed in between.
func (c *File) NoteCleared() error { return c.writing(c.noteCleared) }

func (c *File) noteCleared() error {
	n := littleEndian(atomic.LoadUint64(c.clears())) + 1
	if !c.mayLackSpace {
		atomic.StoreUint64(c.clears(), littleEndian(n))
		return nil
	}
	return mem.Of(c.block).WriteWord(liveOffset+clearsAt, littleEndian(n))
}

// clears returns the address of the clear count.
func (c *File) clears() *uint64 {
	// SAFETY: an aligned word of the header block, which is mapped until Close; c keeps it.
	return (*uint64)(unsafe.Pointer(&c.bytes()[liveOffset+clearsAt]))
}

// Look is [File.Refresh] with the clear count as it was before and after that. What a reader copies
// after one Look and before another is of one moment, as far as a length n of the first, if the
// second one finds no shorter length, and its count after is the first one's before: a writer that
// is making the file shorter has published the shorter length, and it counts before it makes the
// file longer again.
func (c *File) Look() (before uint64, n int, after uint64, err error) {
	if err := c.showBlock(); err != nil {
		return 0, 0, 0, err
	}
	err = typedmem.Guard(func() error {
		before = atomic.LoadUint64(c.clears())
		if n, err = c.refresh(); err == nil {
			after = atomic.LoadUint64(c.clears())
		}
		return err
	})
	return before, n, after, printing.Named(c.path, err)
}

// Intact returns an error if another program has written other contents over the file's header, or
// has cut it off before byte end.
func (c *File) Intact(end int64) error {
	err := typedmem.Guard(func() error {
		if !c.holds(c.bytes()) {
			return fmt.Errorf("%s: another file's contents were written over it: %w", c.path, typedmem.ErrLayout)
		}
		return nil
	})
	if err != nil {
		return printing.Named(c.path, err)
	}
	return c.Whole(end)
}
