// Package verify compares a region, slab or blob file with what FORMAT.md says of it, and lists
// everything that is wrong.
//
// It reads the bytes by that page alone, and shares no code with the packages that write them: so
// it sees their mistakes too. It goes on after a mistake, where they stop at the first one.
package verify

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"runtime"
	"strings"
)

// Report is what File found.
type Report struct {
	Kind    string // "region", "slab" or "blob", "" if no header copy is valid
	Len     uint64 // elements of a region, slots of a slab that may be in use, blobs
	Objects uint64 // of a slab
	Bytes   int64  // of the file
	Writer  uint64 // the process that has it open, or was killed; 0 for none
	Wrong   []string
	More    int // findings that are not in Wrong
}

// mostFindings is how many findings are listed: a file that is damaged all over has millions.
const mostFindings = 100

func (r *Report) wrong(format string, args ...any) {
	if len(r.Wrong) == mostFindings {
		r.More++
		return
	}
	r.Wrong = append(r.Wrong, fmt.Sprintf(format, args...))
}

const (
	block    = 65536
	copySize = 16384
	liveAt   = 32768
	zerosAt  = 32840 // what follows the shorter count
)

// file is a file that is being checked.
type file struct {
	Report
	f      io.ReaderAt
	head   []byte // the header block
	header *header
	length uint64 // what counts: of the live record or of the header
}

// sameBoot reports whether a boot ID is that of the running system; known is false where the system
// does not tell. It is a variable for tests.
var sameBoot = func(id []byte) (same, known bool) {
	if runtime.GOOS != "linux" { // in Wine the file is there, and is not what the library goes by
		return false, false
	}
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return false, false
	}
	now, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(text)), "-", ""))
	return bytes.Equal(now, id), err == nil
}

// File checks the file at path. The error is that of opening or reading it; what is wrong in it is
// in the report.
func File(path string) (Report, error) {
	info, err := os.Stat(path) // before Open, which waits at a pipe
	switch {
	case err != nil: // Open says why
	case info.IsDir():
		return Report{}, errors.New("it is a folder")
	case !info.Mode().IsRegular():
		return Report{}, fmt.Errorf("it is no regular file, its mode is %v", info.Mode())
	}
	f, err := os.Open(path)
	if err != nil {
		return Report{}, err
	}
	defer f.Close()
	return reader(f, func() (int64, error) {
		info, err := f.Stat()
		if err != nil {
			return 0, err
		}
		return info.Size(), nil
	})
}

// reader checks a file of any kind. A writer may change it meanwhile: a header block that seems
// wrong is read again until it does not change any more.
func reader(f io.ReaderAt, size func() (int64, error)) (Report, error) {
	var last []byte
	for try := 0; ; try++ {
		c := &file{f: f, head: make([]byte, block)}
		n, err := f.ReadAt(c.head, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return Report{}, err
		}
		if c.Bytes, err = size(); err != nil { // after the length: a writer grows the file first
			return Report{}, err
		}
		if n == 0 {
			c.wrong("the file is empty")
			return c.Report, nil
		}
		c.checkHeader()
		if len(c.Wrong) > 0 && !bytes.Equal(last, c.head) && try < 1000 {
			last = c.head
			continue
		}
		if c.header == nil {
			return c.Report, nil
		}
		switch c.Kind {
		case "region":
			err = c.checkRegion()
		case "slab":
			err = c.checkSlab()
		}
		return c.Report, err
	}
}

func (c *file) checkHeader() {
	if c.Bytes < block {
		c.wrong("the file has %d bytes, its header block alone takes %d: it was cut off, or is no typedmem file", c.Bytes, block)
	}
	a := c.checkCopy("A", c.head[:copySize])
	b := c.checkCopy("B", c.head[copySize:liveAt])
	switch {
	case a == nil && b == nil:
		return
	case b == nil || a != nil && a.sequence > b.sequence:
		c.header = a
	default:
		c.header = b
	}
	if a != nil && b != nil && !a.describes(b) {
		c.wrong("the header copies describe different files")
	}
	c.Kind, c.length = "region", c.header.length
	if c.header.kind == 2 {
		c.Kind = "slab"
	}
	c.checkLive()
	c.Len = c.length
	if at := firstNonZero(c.head[zerosAt:]); at >= 0 {
		c.wrong("byte %d of the header block is %#02x, and not zero", zerosAt+at, c.head[zerosAt+at])
	}
	if w := c.header.width; w > 1 && c.length%w != 0 {
		c.wrong("%d elements are no whole number of rows of %d", c.length, w)
	}
}

// checkRegion checks that the data is there, and what it holds if it is a blob file.
func (c *file) checkRegion() error {
	bytes, ok := product(c.length, c.header.elemSize)
	if !ok || bytes > 1<<62 {
		c.wrong("%d elements of %d bytes do not fit any file", c.length, c.header.elemSize)
		return nil
	}
	if end := int64(bytes) + block; end > c.Bytes {
		c.wrong("the file has %d bytes, its %d elements end at byte %d: it was cut off", c.Bytes, c.length, end)
	}
	if c.header.oneByte() && c.header.width <= 1 {
		return c.checkBlobs()
	}
	return nil
}

func product(a, b uint64) (uint64, bool) {
	hi, lo := bits.Mul64(a, b)
	return lo, hi == 0
}

func firstNonZero(b []byte) int {
	for i, x := range b {
		if x != 0 {
			return i
		}
	}
	return -1
}

var le = binary.LittleEndian
