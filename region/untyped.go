package region

import (
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// SnapshotFile is [Region.Snapshot] of the region file at path, whatever the type of its elements
// is, for programs that do not know it. The file may be in use. It returns the errors of [Open] and
// of [Region.Snapshot].
func SnapshotFile(path, to string) error {
	return shell.Fail("snapshot", printing.Named(path, snapshotFile(path, to)))
}

func snapshotFile(path, to string) error {
	l, err := container.LayoutOf(path, container.KindRegion)
	if err != nil {
		return err
	}
	c, err := open(path, l, FileOptions{})
	if err != nil {
		return err
	}
	return errors.Join(printing.Named(to, c.snapshot(to)), c.close())
}

// SalvageFile is [Salvage] of a region file, whatever the type of its elements is, for programs
// that do not know it.
func SalvageFile(damaged, path string) (saved, lost int, err error) {
	l, err := container.LayoutOf(damaged, container.KindRegion)
	if err == nil {
		saved, lost, err = salvage(damaged, path, l)
	}
	return saved, lost, shell.Fail("salvage", printing.Named(damaged, err))
}

// WriteFile makes a region file of the type t, which a program may have put together by
// [reflect.StructOf], with the elements that are read from r up to its end. Their bytes are those
// of Go values on this machine. It returns how many elements there are. A width greater than 1 is
// that of rows. The file appears under its name when it is complete and on the device, and nobody
// has it open.
//
// On error there is no file:
//   - [io/fs.ErrExist]: there is a file of that name, which stays as it is.
//   - [typedmem.ErrType]: t may not be in a file.
//   - [typedmem.ErrSize]: the width is less than 0, or a program like this one could not address so
//     many bytes.
//   - [typedmem.ErrTruncated]: r ends inside an element or a row.
//   - The error of reading, or of the system.
func WriteFile(path string, t reflect.Type, width int, r io.Reader) (n int, err error) {
	n, err = writeFile(path, layout.Of(t), width, r)
	return n, shell.Fail("write", printing.Named(path, err))
}

func writeFile(path string, l *layout.Layout, width int, r io.Reader) (int, error) {
	if err := checkFileType(l); err != nil {
		return 0, err
	}
	if width < 0 {
		return 0, fmt.Errorf("rows of %d elements: %w", width, typedmem.ErrSize)
	}
	if _, err := shell.Bytes(width, l); err != nil {
		return 0, fmt.Errorf("a row: %w", err)
	}
	f, err := container.Create(path, spec(l, width), shell.NewFile)
	if err != nil {
		return 0, err
	}
	bytes, err := writeAll(f, r)
	if size := int64(l.Size) * int64(max(width, 1)); err == nil && bytes%size != 0 {
		err = fmt.Errorf("%d bytes, a row has %d: %w", bytes, size, typedmem.ErrTruncated)
	}
	if err != nil {
		return 0, errors.Join(err, f.Discard())
	}
	n := int(bytes / int64(l.Size))
	return n, f.Finish(n)
}

// writeAll copies all of r into the data of a new file, and returns how many bytes that were.
func writeAll(f *container.File, r io.Reader) (bytes int64, err error) {
	buf := make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(r, buf)
		if bytes+int64(n) > math.MaxInt {
			return bytes, fmt.Errorf("more than %d bytes, which this program could not open: %w", math.MaxInt, typedmem.ErrSize)
		}
		if n > 0 {
			if err := f.Write(buf[:n], container.DataOffset+bytes); err != nil {
				return bytes, err
			}
			bytes += int64(n)
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return bytes, f.Fill(container.DataOffset + bytes)
		}
		if err != nil {
			return bytes, err
		}
	}
}
