package container

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"runtime"
	"sync"

	"github.com/typedmem/typedmem"
)

// headerBlock is the part of the header block that is in use: both header copies and the live
// record.
type headerBlock [liveOffset + liveSize]byte

// blocks reuses the buffers of Open: allocating one would take longer than the rest of an Open.
var blocks = sync.Pool{New: func() any { return new(headerBlock) }}

// readBlock reads the header block. What a short file lacks of it is zeros.
func readBlock(f *os.File, block []byte) error {
	n, err := f.ReadAt(block, 0)
	if err != nil && err != io.EOF {
		return err
	}
	clear(block[n:])
	return nil
}

// readHeader reads the header block, from memory if it is mapped, and takes over a copy. A reader
// may read each copy at the moment when the writer is writing that one. So it reads again until one
// copy is valid, or until the file no longer changes.
func (c *File) readHeader(block []byte, size int64) error {
	var before uint32
	for same, i := 0, 0; ; i++ {
		beforeRead()
		if c.block != nil {
			copy(block, c.bytes())
		} else if err := readBlock(c.f, block); err != nil {
			return err
		}
		err := c.takeNewest(block, size)
		if err == nil {
			return nil
		}
		sum := crc32.ChecksumIEEE(block[:liveOffset])
		if same++; i == 0 || sum != before {
			same, before = 0, sum
		}
		if c.writer || same == sameReads || i == mostReads {
			return err
		}
		runtime.Gosched()
	}
}

// beforeRead is called before each read of the header, for tests.
var beforeRead = func() {}

// sameReads is how many more reads in a row must find both copies unusable and unchanged before the
// file counts as damaged: a writer never has both half-written at once.
const sameReads = 3

// takeNewest decodes both copies and takes over the valid one that was written last.
func (c *File) takeNewest(block []byte, size int64) error {
	a, errA := decode(block[:copySpace])
	b, errB := decode(block[copySpace:liveOffset])
	// No damage changes both copies to the same later version. Version 0 is different: a power
	// failure may leave a new file's magic numbers without the versions.
	if v, other := errA.(errVersion); other && v > Version && errA == errB {
		return fmt.Errorf("it has %w: %w", v, typedmem.ErrLayout)
	}
	switch {
	case size < DataOffset && (a != nil || b != nil || errA != errNoMagic || size < int64(len(magic))):
		return fmt.Errorf("%d bytes, a header takes %d: %w", size, DataOffset, typedmem.ErrTruncated)
	case a == nil && b == nil && errA == errNoMagic && errB == errNoMagic:
		return fmt.Errorf("%w: %w", errNoMagic, typedmem.ErrCorrupt)
	case a == nil && b == nil:
		return fmt.Errorf("both copies of the header are unusable (%v; %v): %w", errA, errB, typedmem.ErrCorrupt)
	case b == nil || a != nil && a.sequence > b.sequence:
		c.header, c.durableCopy, c.damaged = a, 0, errB != nil
	default:
		c.header, c.durableCopy, c.damaged = b, 1, errA != nil
	}
	return nil
}
