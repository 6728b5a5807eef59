package inspect

import (
	"errors"
	"fmt"
	"math"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/blobs"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// Info is what a file says of itself.
type Info struct {
	// Kind is "region", "slab" or "blob".
	Kind string

	// Type is the name of the Go type that the file was made for.
	Type string

	// ByteOrder is that of the data: "little" or "big".
	ByteOrder string

	// Version is that of the file format.
	Version int

	// ElementSize is the size of an element in bytes, 1 in a blob file.
	ElementSize int

	// Len is the length in elements that the writer published last: of a slab the slots that may
	// be in use, of a blob file all bytes.
	Len int

	// SyncedLen is the length that survives a power failure.
	SyncedLen int

	// Width is the number of elements in a row of a region, 1 for other files.
	Width int

	// Capacity is the number of slots of a slab, 0 for other files.
	Capacity int

	// Writer is the process ID of the live writer, 0 when there is none. Several writers that
	// share a file (region.FileOptions.Shared) do not count, since it does not name them. The ID is
	// the one that the writer has in its own container.
	Writer int

	// FileSize is the size of the file in bytes.
	FileSize int64

	// Fields has the fields of an element in the order of the file, blank ones too. A blob has
	// "Ref" and "Bytes".
	Fields []Field
}

// Field is one scalar or one array of scalars of an element.
type Field struct {
	// Path joins the names of fields by dots: "Bid.Price". "Levels[8:24].Price" is the field of 8
	// structs that lie 24 bytes apart. "." is an element that is one scalar.
	Path string

	// Kind is Go's name of the scalar, with the length of an array in front: "[4]float64". A type
	// of sync/atomic is "atomic.Uint64", a big-endian number of package endian "be.uint32".
	Kind string

	// Offset is where the field begins in an element, the first one where there are several; Size
	// what it takes, without repetitions. Both are bytes. The Bytes of a blob have Size 0.
	Offset, Size int
}

// Stat returns what the file says of itself. It reads the header, and of a region of bytes the
// first 16, which tell whether they are blobs. It touches no other data.
//
//   - [typedmem.ErrCorrupt]: the file is none of this module, or is damaged.
//   - [typedmem.ErrLayout]: it has a later version of the format.
//   - [typedmem.ErrTruncated]: it was cut off. If the header is whole, Stat returns what it says
//     beside the error.
//   - [typedmem.ErrOperation]: the path names no regular file.
func Stat(path string) (Info, error) {
	c, err := container.Open(path, container.Spec{}, false)
	if err != nil {
		return Info{}, shell.Fail("stat", printing.Named(path, err))
	}
	info, err := describe(c)
	return info, shell.Fail("stat", printing.Named(path, errors.Join(err, c.Abandon())))
}

// describe returns what a file says, and an error if it is too short for that.
func describe(c *container.File) (Info, error) {
	d := c.Describe()
	info := Info{
		Kind: d.Kind.String(), Type: d.Type, ByteOrder: d.Order, Version: container.Version, ElementSize: d.Size,
		Len: d.Length, SyncedLen: d.Synced, Width: d.Width, Capacity: int(min(d.Capacity, container.MostSlots, math.MaxInt)), Writer: c.LiveWriter(),
	}
	for _, f := range d.Fields {
		info.Fields = append(info.Fields, Field{f.Path, f.Kind, f.Offset, f.Size})
	}
	stat, err := c.Handle().Stat()
	if err != nil {
		return info, err
	}
	info.FileSize = stat.Size()
	if d.Kind == container.KindSlab {
		_, _, err := c.Slots()
		return info, err
	}
	if end := container.DataOffset + int64(d.Length)*int64(d.Size); end > info.FileSize {
		return info, fmt.Errorf("bytes [%d,%d) of a file of %d bytes: %w; region.Salvage saves what is left",
			container.DataOffset, end, info.FileSize, typedmem.ErrTruncated)
	}
	if d.Size != 1 || d.Width != 1 || d.Length < blobs.First || info.Fields[0].Kind != "uint8" {
		return info, nil
	}
	var head [blobs.First]byte
	if err := c.ReadInto(head[:], container.DataOffset); err != nil {
		return info, err
	}
	if string(head[:len(blobs.Magic)]) == blobs.Magic {
		info.Kind, info.Fields = "blob", []Field{{"Ref", "blob.Ref", 0, 8}, {"Bytes", "string", 8, 0}}
		_, err = blobs.CheckHeader(head[:], d.Length)
	}
	return info, err
}
