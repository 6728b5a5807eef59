package npy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/shell"
)

// Header is what a .npy file says of its array.
type Header struct {
	// Descr is the dtype as the file has it: "<f8", or "[('Time', '<i8'), ('Bid', '<f4', (2,))]".
	Descr string

	// FortranOrder says that the first index varies fastest.
	FortranOrder bool

	// Shape has the length of each dimension. It is empty for an array of one element and no
	// dimension.
	Shape []int

	// Offset is where the data begins, in bytes from the beginning of the file.
	Offset int64
}

const (
	magic      = "\x93NUMPY"
	alignment  = 64      // what the data begins at a multiple of in files that we write, as in NumPy's
	mostHeader = 1 << 20 // bytes of a header that are read
)

// Len returns the number of items in the array: the product of its shape. Of a shape that no
// address space holds it is the greatest int.
func (h Header) Len() int {
	n, ok := product(h.Shape)
	if !ok {
		return math.MaxInt
	}
	return n
}

// Width returns the number of items in a row, which is all that has the same first index: the
// product of the shape without its first dimension, and 1 for an array of one dimension or none.
// It is what [region.RowsOf] takes where T is one item.
func (h Header) Width() int {
	if len(h.Shape) < 2 {
		return 1
	}
	return Header{Shape: h.Shape[1:]}.Len()
}

// product returns the product of dimensions; ok is false if one is negative or an int cannot hold
// it. A dimension of 0 makes it 0 whatever the others are.
func product(dims []int) (n int, ok bool) {
	n, ok = 1, true
	for _, d := range dims {
		if d < 0 {
			return 0, false
		}
		if d == 0 {
			n = 0
		}
	}
	for _, d := range dims {
		if n == 0 {
			break
		}
		if n, ok = num.Mul(n, d); !ok {
			return 0, false
		}
	}
	return n, true
}

// ReadHeader reads the header of a .npy file, of version 1, 2 or 3. After it, r is at the data. It
// also reads headers of arrays that [Open] refuses.
//
//   - [typedmem.ErrCorrupt]: it is no .npy file, or is damaged.
//   - [typedmem.ErrLayout]: it is a pickle or an .npz archive, or of a later version.
//   - [typedmem.ErrTruncated]: it ends inside the header.
func ReadHeader(r io.Reader) (Header, error) {
	h, err := readHeader(r)
	return h, shell.Fail("read header", err)
}

func readHeader(r io.Reader) (h Header, err error) {
	var start [8]byte
	if n, err := io.ReadFull(r, start[:]); n < len(start) {
		if foreign := foreign(start[:n]); foreign != nil && (err == io.EOF || err == io.ErrUnexpectedEOF) {
			return h, foreign
		}
		return h, short(err)
	}
	if err := foreign(start[:]); err != nil {
		return h, err
	}
	version, length := start[6], make([]byte, 2)
	switch {
	case version == 2 || version == 3:
		length = make([]byte, 4)
	case version != 1:
		return h, fmt.Errorf("version %d.%d of the .npy format, this library reads versions 1 to 3: %w", version, start[7], typedmem.ErrLayout)
	}
	if _, err := io.ReadFull(r, length); err != nil {
		return h, short(err)
	}
	n := int64(binary.LittleEndian.Uint16(length))
	if version > 1 {
		n = int64(binary.LittleEndian.Uint32(length))
	}
	if n > mostHeader {
		return h, fmt.Errorf("a header of %d bytes, this library reads up to %d: %w", n, mostHeader, typedmem.ErrCorrupt)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, short(err)
	}
	h, err = parseHeader(decoded(text, version))
	if err != nil {
		return Header{}, fmt.Errorf("%w: %w", err, typedmem.ErrCorrupt)
	}
	h.Offset = int64(len(start)+len(length)) + n
	return h, nil
}

// foreign returns an error for a beginning that no .npy file has.
func foreign(start []byte) error {
	switch s := string(start); {
	case strings.HasPrefix(s, magic) || strings.HasPrefix(magic, s):
		return nil
	case strings.HasPrefix(s, "PK\x03\x04") || strings.HasPrefix(s, "PK\x05\x06"):
		return fmt.Errorf("it is a zip archive, as an .npz file is; unzip it, and open one of the .npy files in it: %w", typedmem.ErrLayout)
	case len(s) > 1 && s[0] == 0x80 && s[1] >= 2 && s[1] <= 5:
		return fmt.Errorf("it is a pickle, which runs code when it is read; save the array with numpy.save(path, array, allow_pickle=False): %w", typedmem.ErrLayout)
	}
	return fmt.Errorf("it does not begin with the magic number of a .npy file: %w", typedmem.ErrCorrupt)
}

// short returns the error of a read that found too few bytes.
func short(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("it ends inside its header: %w", typedmem.ErrTruncated)
	}
	return err
}

// decoded returns the text of a header: up to version 2 it is Latin-1, then UTF-8.
func decoded(text []byte, version byte) string {
	if version > 2 {
		return string(text)
	}
	runes := make([]rune, len(text))
	for i, c := range text {
		runes[i] = rune(c)
	}
	return string(runes)
}

func parseHeader(text string) (h Header, err error) {
	if !utf8.ValidString(text) {
		return h, errors.New("its header is no text")
	}
	value, err := parseLiteral(text)
	if err != nil {
		return h, err
	}
	d, ok := value.(dict)
	if !ok {
		return h, errors.New("its header is no dictionary")
	}
	known := map[any]any{}
	for _, e := range d {
		key, ok := e.key.(string)
		if _, twice := known[key]; !ok || twice {
			return h, fmt.Errorf("its header has the key %s twice, or as no string", literal(e.key))
		}
		known[key] = e.value
	}
	order, ok := known["fortran_order"].(bool)
	if !ok || len(known) != 3 {
		return h, errors.New("its header does not have the keys descr, fortran_order and shape, each with its kind of value")
	}
	h.FortranOrder = order
	if h.Shape, ok = dimensions(known["shape"]); !ok {
		return h, fmt.Errorf("its header has the shape %s", literal(known["shape"]))
	}
	switch descr := known["descr"].(type) {
	case string:
		h.Descr = descr
	case list, tuple:
		h.Descr = literal(descr)
	default:
		return h, fmt.Errorf("its header has the dtype %s", literal(descr))
	}
	return h, nil
}

// dimensions reads the tuple of a shape.
func dimensions(value any) (dims []int, ok bool) {
	t, ok := value.(tuple)
	for _, x := range t {
		n, whole := x.(int)
		if !whole || n < 0 {
			return nil, false
		}
		dims = append(dims, n)
	}
	return dims, ok
}

// AppendHeader appends a header to dst, with which a .npy file begins, and returns the longer
// slice. It is as long as the data is to begin at a multiple of 64, if the header is at the
// beginning of the file; Offset does not count. The version is the lowest that can hold it.
//
//   - [typedmem.ErrSize]: a dimension is negative, or the header is too long.
//   - [typedmem.ErrLayout]: Descr is no dtype.
func AppendHeader(dst []byte, h Header) ([]byte, error) {
	dt, err := parseDescr(h.Descr)
	if err != nil {
		return dst, shell.Fail("append header", fmt.Errorf("the dtype %s: %w: %w", h.Descr, err, typedmem.ErrLayout))
	}
	if _, ok := product(h.Shape); !ok {
		return dst, shell.Fail("append header", fmt.Errorf("the shape %s: %w", literal(shapeOf(h.Shape)), typedmem.ErrSize))
	}
	text := "{'descr': " + literal(dt.literal()) + ", 'fortran_order': " + literal(h.FortranOrder) + ", 'shape': " + literal(shapeOf(h.Shape)) + ", }"
	version, before := byte(1), len(magic)+4
	for _, r := range text {
		if r >= utf8.RuneSelf {
			version = 3
		}
	}
	if len(text)+before+alignment > math.MaxUint16 {
		version = max(version, 2)
	}
	if version > 1 {
		before += 2
	}
	fill := alignment - (before+len(text)+1)%alignment
	text += strings.Repeat(" ", fill%alignment) + "\n"
	if len(text) > mostHeader {
		return dst, shell.Fail("append header", fmt.Errorf("a header of %d bytes, this library reads up to %d: %w", len(text), mostHeader, typedmem.ErrSize))
	}
	dst = append(append(dst, magic...), version, 0)
	if version == 1 {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(len(text)))
	} else {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(text)))
	}
	return append(dst, text...), nil
}
