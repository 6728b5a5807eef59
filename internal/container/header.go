// Package container is the self-describing file that region and slab share: a header block that
// says what the file holds, a writer lock, and the order of writes that keeps the length right
// through crashes and power loss. FORMAT.md documents the bytes.
package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/num"
)

// Version is the version of the file format.
const Version = 1

// Places in the file, in bytes. The data begins where every system can map it.
const (
	copySpace  = 16 << 10              // for each of the two copies of the header
	liveOffset = 2 * copySpace         // of the live record
	DataOffset = 64 << 10              // of the data; the header block ends here
	fixedSize  = 112                   // of a header copy before its field list
	maxFields  = copySpace - fixedSize // bytes of field list
)

var magic = [8]byte{0x89, 'T', 'M', 'E', 'M', '\r', '\n', 0x1a}

// Kind says which package a file belongs to.
type Kind uint32

const (
	KindRegion Kind = 1
	KindSlab   Kind = 2
)

func (k Kind) String() string {
	switch k {
	case KindRegion:
		return "region"
	case KindSlab:
		return "slab"
	}
	return fmt.Sprintf("kind %d", uint32(k))
}

// header is one copy of the header, decoded.
type header struct {
	kind        Kind
	order       string // "little" or "big"
	elemSize    uint64
	elemAlign   uint64
	fingerprint [16]byte
	length      uint64 // elements
	sequence    uint64 // counts header writes; the valid copy with the greater one holds
	capacity    uint64 // slots of a slab, 0 for a region
	salt        uint64 // of a slab's generations, 0 for a region
	width       uint64 // elements in a row of a region, 0 for 1
	fields      string
}

// nativeOrder is the byte order of the data that this machine writes.
var nativeOrder = func() string {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return "little"
	}
	return "big"
}()

// orders has the names of byte orders, at the numbers that stand for them in a header.
var orders = []string{1: "little", 2: "big"}

// encode writes the copy into b. Numbers of the header are little-endian on every machine.
func (h *header) encode(b []byte) {
	le := binary.LittleEndian
	copy(b, magic[:])
	le.PutUint32(b[8:], Version)
	le.PutUint32(b[12:], uint32(h.kind))
	le.PutUint32(b[16:], uint32(slices.Index(orders, h.order)))
	le.PutUint32(b[20:], 0) // the checksum, last
	le.PutUint64(b[24:], h.elemSize)
	le.PutUint64(b[32:], h.elemAlign)
	le.PutUint64(b[40:], DataOffset)
	copy(b[48:64], h.fingerprint[:])
	le.PutUint64(b[64:], h.length)
	le.PutUint64(b[72:], h.sequence)
	le.PutUint64(b[80:], h.capacity)
	le.PutUint64(b[88:], h.salt)
	le.PutUint64(b[96:], h.width)
	le.PutUint32(b[104:], uint32(len(h.fields)))
	le.PutUint32(b[108:], 0)
	copy(b[fixedSize:], h.fields)
	le.PutUint32(b[20:], checksum(b[:fixedSize+len(h.fields)]))
}

// describes reports whether the copy b describes the same file as h: all but length and sequence
// number is equal. A writer never changes those bytes.
func (h *header) describes(b []byte) bool {
	le := binary.LittleEndian
	return [8]byte(b[:8]) == magic && le.Uint32(b[8:]) == Version && le.Uint32(b[12:]) == uint32(h.kind) &&
		le.Uint32(b[16:]) == uint32(slices.Index(orders, h.order)) && le.Uint64(b[24:]) == h.elemSize && le.Uint64(b[32:]) == h.elemAlign &&
		[16]byte(b[48:64]) == h.fingerprint && le.Uint64(b[80:]) == h.capacity && le.Uint64(b[88:]) == h.salt &&
		le.Uint64(b[96:]) == h.width
}

// checksum is CRC-32 (IEEE) over a copy without the four bytes that hold it.
func checksum(b []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE(b[:20]), crc32.IEEETable, b[24:])
}

// errNoMagic is what decode returns for bytes that were never a header.
var errNoMagic = errors.New("it does not begin with the magic number of a typedmem file")

// errVersion is what decode returns for a header of that format version.
type errVersion uint32

func (v errVersion) Error() string {
	return fmt.Sprintf("format version %d, this library reads version %d", uint32(v), Version)
}

// decode reads a copy. Whatever the bytes are, it returns an error or a header whose numbers
// can be used.
func decode(b []byte) (*header, error) {
	le := binary.LittleEndian
	if len(b) < fixedSize || [8]byte(b[:8]) != magic {
		return nil, errNoMagic
	}
	if v := le.Uint32(b[8:]); v != Version {
		return nil, errVersion(v)
	}
	fields := le.Uint32(b[104:])
	if fields > maxFields || fixedSize+int(fields) > len(b) {
		return nil, fmt.Errorf("a field list of %d bytes", fields)
	}
	b = b[:fixedSize+int(fields)]
	if found, want := checksum(b), le.Uint32(b[20:]); found != want {
		return nil, fmt.Errorf("checksum %08x where %08x is recorded", found, want)
	}
	if off := le.Uint64(b[40:]); off != DataOffset {
		return nil, fmt.Errorf("data at byte %d instead of %d", off, DataOffset)
	}
	order := le.Uint32(b[16:])
	if order == 0 || order >= uint32(len(orders)) {
		return nil, fmt.Errorf("byte order %d", order)
	}
	return &header{
		kind:        Kind(le.Uint32(b[12:])),
		order:       orders[order],
		elemSize:    le.Uint64(b[24:]),
		elemAlign:   le.Uint64(b[32:]),
		fingerprint: [16]byte(b[48:64]),
		length:      le.Uint64(b[64:]),
		sequence:    le.Uint64(b[72:]),
		capacity:    le.Uint64(b[80:]),
		salt:        le.Uint64(b[88:]),
		width:       le.Uint64(b[96:]),
		fields:      string(b[fixedSize:]),
	}, nil
}

// Spec is what a program asks a file to hold. Without a Layout it asks for nothing: [Open] then
// takes a file of any kind and type.
type Spec struct {
	Kind     Kind
	Layout   *layout.Layout
	Capacity int    // slots of a slab
	Salt     uint64 // of a slab's generations, for Create
	Shared   bool   // Create writes no live record, since others will share the file at once
	Repair   bool   // Begin writes none: the one of the killed writer stays until Close
	Width    int    // elements in a row of a region; 0 is 1 in a new file, and any in one that exists
}

// headers caches the header of each *layout.Layout, without what differs between files: rendering
// and hashing the fields takes longer than the rest of an Open.
var headers sync.Map

func (s Spec) header() *header {
	known, ok := headers.Load(s.Layout)
	if !ok {
		known, _ = headers.LoadOrStore(s.Layout, header{
			order:       nativeOrder,
			elemSize:    uint64(s.Layout.Size),
			elemAlign:   uint64(s.Layout.Natural),
			fingerprint: s.Layout.Fingerprint(nativeOrder, Version),
			fields:      s.Layout.Fields(),
		})
	}
	h := known.(header)
	h.kind, h.capacity, h.salt = s.Kind, uint64(s.Capacity), s.Salt
	if s.Width > 1 {
		h.width = uint64(s.Width)
	}
	return &h
}

// matches returns an error that wraps ErrLayout if a file's header differs from what is asked. For
// another type it shows the difference field by field.
func (s Spec) matches(h *header) error {
	if s.Layout == nil {
		return h.coherent()
	}
	want := s.header()
	switch {
	case h.kind != want.kind:
		return fmt.Errorf("it is a %v file, a %v was asked for: %w", h.kind, want.kind, typedmem.ErrLayout)
	case h.order != want.order:
		return fmt.Errorf("its data is %s-endian, this machine is %s-endian: %w", h.order, want.order, typedmem.ErrLayout)
	case h.fingerprint == want.fingerprint && h.elemSize == want.elemSize && h.elemAlign == want.elemAlign:
		return s.fits(h)
	}
	return fmt.Errorf("it holds %s of %d bytes, %v of %d bytes was asked for: %w%s",
		typeName(h.fields), h.elemSize, s.Layout.Type, s.Layout.Size, typedmem.ErrLayout, layout.Diff(h.fields, want.fields))
}

// fits returns an error that wraps ErrLayout for another row width or number of slots.
func (s Spec) fits(h *header) error {
	switch {
	case s.Width > 0 && uint64(s.Width) != max(h.width, 1):
		return fmt.Errorf("its rows have %d elements, rows of %d were asked for: %w", max(h.width, 1), s.Width, typedmem.ErrLayout)
	case s.Capacity > 0 && uint64(s.Capacity) != h.capacity:
		return fmt.Errorf("it has a capacity of %d objects, %d was asked for; ask for the same, or for 0: %w", h.capacity, s.Capacity, typedmem.ErrLayout)
	}
	return nil
}

// typeName is the first line of a field list without its mark.
func typeName(fields string) string {
	if name, _, ok := strings.Cut(fields, "\n"); ok {
		return strings.TrimPrefix(name, "# ")
	}
	return "an unnamed type"
}

// dataBytes returns the bytes that the elements take. A length that is no whole number of rows is
// ErrCorrupt: no writer has published one.
func (h *header) dataBytes() (int, error) {
	const most = min(math.MaxInt, 1<<62)
	if _, ok := num.Mul(int(h.width), int(h.elemSize)); !ok || h.width > most {
		return 0, fmt.Errorf("rows of %d elements of %d bytes do not fit this address space: %w", h.width, h.elemSize, typedmem.ErrSize)
	}
	if h.width > 1 && h.length%h.width != 0 {
		return 0, fmt.Errorf("%d elements, which are no whole number of rows of %d: %w", h.length, h.width, typedmem.ErrCorrupt)
	}
	n, ok := num.Mul(int(h.length), int(h.elemSize))
	if !ok || h.length > most || h.elemSize > most {
		return 0, fmt.Errorf("%d elements of %d bytes do not fit this address space: %w", h.length, h.elemSize, typedmem.ErrSize)
	}
	return n, nil
}
