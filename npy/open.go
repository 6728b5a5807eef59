package npy

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// Open maps the array of a .npy file for reading.
//
//   - [typedmem.ErrLayout]: the dtype or the shape is another one than T shows, and the error has
//     the difference field by field; or the array is one of those that the package comment refuses.
//   - [typedmem.ErrOffset]: the data begins at a byte that is no multiple of the alignment of T.
//     The types of package endian need none.
//   - [typedmem.ErrCorrupt]: it is no .npy file, or is damaged.
//   - [typedmem.ErrTruncated]: it was cut off.
//   - [typedmem.ErrType]: T cannot live in a file.
//   - [typedmem.ErrOperation]: the path names no regular file.
//
// Bytes after the array mean nothing.
func Open[T any](path string) (*region.Region[T], Header, error) { return open[T](path, false) }

// OpenMut is [Open] for reading and writing. Set and Store write to the file. Its length stays: a
// Resize can only make the region show less of it, and fails like Append with
// [typedmem.ErrCapacity] where it needs more. The region of an array without an element is
// read-only.
func OpenMut[T any](path string) (*region.Region[T], Header, error) { return open[T](path, true) }

func open[T any](path string, write bool) (*region.Region[T], Header, error) {
	r, h, err := openFile[T](path, write)
	if err != nil {
		return nil, Header{}, shell.Fail("open", printing.Named(path, err))
	}
	return r, h, nil
}

func openFile[T any](path string, write bool) (_ *region.Region[T], h Header, err error) {
	l, want, err := typeOf[T]()
	if err != nil {
		return nil, h, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, h, err
	}
	if !info.Mode().IsRegular() {
		return nil, h, fmt.Errorf("it is %s and no regular file: %w", printing.Kind(info.Mode()), typedmem.ErrOperation)
	}
	f, err := sys.OpenFile(path, write)
	if err != nil {
		return nil, h, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if h, err = readHeader(io.NewSectionReader(f, 0, 1<<62)); err != nil {
		return nil, h, err
	}
	n, err := h.check(l, want)
	if err != nil {
		return nil, h, err
	}
	r, err := mapArray[T](f, h.Offset, n, write)
	return r, h, err
}

// mapArray maps n elements of a file from byte offset on.
func mapArray[T any](f *os.File, offset int64, n int, write bool) (*region.Region[T], error) {
	o := options.For[T](n)
	if n == 0 { // no file can be mapped from its end on; nor may the array get elements, since its header would not say so
		return region.Map[T](o)
	}
	o = o.WithFile(f, offset).WithFlags(flags.Shared)
	if write {
		return region.MapMut[T](o)
	}
	return region.Map[T](o)
}
