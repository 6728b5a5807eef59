package container

import (
	"fmt"
	"runtime"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/printing"
)

// Refresh returns the length that the writer published last. If the file was cut off since, it
// returns an error.
func (c *File) Refresh() (n int, err error) {
	if err := c.showBlock(); err != nil {
		return 0, err
	}
	err = typedmem.Guard(func() error {
		n, err = c.refresh()
		return err
	})
	return n, err
}

// showBlock maps the header block at a reader's first use of it.
func (c *File) showBlock() error {
	if c.block != nil {
		return nil
	}
	return printing.Named(c.path, c.mapBlock())
}

func (c *File) refresh() (int, error) {
	block := c.bytes()
	n, writing, torn := liveLength(block[liveOffset : liveOffset+liveSize])
	for i := 0; torn && i < mostReads; i++ {
		runtime.Gosched()
		n, writing, torn = liveLength(block[liveOffset : liveOffset+liveSize])
	}
	if torn {
		return 0, fmt.Errorf("%s: %w", c.path, errLengthWord)
	}
	if !writing || !c.holds(block) {
		h, err := c.readAgain()
		if err != nil {
			return 0, err
		}
		if !writing {
			n = h.length
		}
	}
	h := *c.header
	h.length = n
	if _, err := h.dataBytes(); err != nil {
		return 0, err
	}
	c.header.length = n // nothing else of it has changed: Width may be called meanwhile
	return int(n), nil
}

// readAgain reads the header of the open file once more. It returns an error if another program has
// copied another file's contents over it, which are not what the caller opened.
func (c *File) readAgain() (*header, error) {
	buffer := blocks.Get().(*headerBlock)
	defer blocks.Put(buffer)
	now := File{f: c.f, spec: c.spec, block: c.block}
	err := now.readHeader(buffer[:], DataOffset)
	if err == nil {
		err = c.spec.matches(now.header)
	}
	if err == nil && (now.header.capacity != c.header.capacity || now.header.salt != c.header.salt || now.header.width != c.header.width) {
		err = fmt.Errorf("it holds the objects of another file now: %w", typedmem.ErrLayout)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	return now.header, nil
}

// holds reports whether one of the copies in block still describes the file that was opened, by
// [header.describes].
func (c *File) holds(block []byte) bool {
	return c.header.describes(block[:copySpace]) || c.header.describes(block[copySpace:liveOffset])
}
