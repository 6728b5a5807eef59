package npy

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/region"
)

// Create makes a .npy file with an array of zeros and maps it for reading and writing. Without a
// shape the array has no dimension and one element. If T is an array, its dimensions follow those
// of the shape. The file appears under its name when it is complete and on the device.
//
//   - [io/fs.ErrExist]: the file exists.
//   - [typedmem.ErrSize]: a dimension is negative, or the array is too large.
//   - [typedmem.ErrType]: T cannot live in a file.
//   - The system's error: the disk is full. Space for the whole array is set aside.
//
// On error no file is left.
func Create[T any](path string, shape ...int) (*region.Region[T], error) {
	r, err := create[T](path, shape)
	return r, shell.Fail("create", printing.Named(path, err))
}

func create[T any](path string, shape []int) (*region.Region[T], error) {
	c, n, end, err := begin[T](path, shape)
	if err != nil {
		return nil, err
	}
	var r *region.Region[T]
	size := int64(n) * int64(shell.LayoutOf[T]().Size)
	if size > 0 {
		err = c.SetAside(end, size)
	}
	if err == nil {
		r, err = mapArray[T](c.Handle(), end, n, true)
	}
	if err == nil {
		if err = c.LinkPlain(); err != nil {
			err = errors.Join(err, r.Close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.Discard())
	}
	if err := c.Abandon(); err != nil {
		return nil, errors.Join(err, r.Close(), os.Remove(path))
	}
	return r, nil
}

// Write saves the elements of a view as a .npy file, complete and durable. Without a shape the
// array has one dimension, of the view's length. If T is an array, its dimensions follow those of
// the shape. It does not map the file, and pages of the view that cannot be read are errors.
//
//   - [io/fs.ErrExist]: the file exists.
//   - [typedmem.ErrSize]: the shape is not that of so many elements.
//   - [typedmem.ErrType]: T cannot live in a file.
//   - The errors of [region.Reader.Read], and the system's error of writing.
//
// On error no file is left.
func Write[T any](path string, v region.View[T], shape ...int) error {
	return shell.Fail("write", printing.Named(path, write(path, v, shape)))
}

func write[T any](path string, v region.View[T], shape []int) error {
	if len(shape) == 0 {
		shape = []int{v.Len()}
	}
	n, ok := product(shape)
	if !ok {
		return fmt.Errorf("the shape %s has a negative dimension, or too many elements: %w", literal(shapeOf(shape)), typedmem.ErrSize)
	}
	if n != v.Len() {
		return fmt.Errorf("the shape %s has %d elements, the view %d: %w", literal(shapeOf(shape)), n, v.Len(), typedmem.ErrSize)
	}
	c, _, end, err := begin[T](path, shape)
	if err != nil {
		return err
	}
	if _, err = region.NewReader(v.Bytes()).WriteTo(&writer{c, end}); err == nil {
		err = c.LinkPlain()
	}
	if err != nil {
		return errors.Join(err, c.Discard())
	}
	if err := c.SyncEntry(); err != nil {
		return errors.Join(err, os.Remove(path), c.Abandon())
	}
	return c.Abandon()
}

// writer writes to a file from byte at on.
type writer struct {
	c  *container.File
	at int64
}

func (w *writer) Write(b []byte) (int, error) {
	if err := w.c.Write(b, w.at); err != nil {
		return 0, err
	}
	w.at += int64(len(b))
	return len(b), nil
}

var _ io.Writer = (*writer)(nil)

// begin makes a file that has no name yet, with the header of an array of the shape. It returns the
// number of elements, and where the header ends.
func begin[T any](path string, shape []int) (c *container.File, n int, end int64, err error) {
	l, d, err := typeOf[T]()
	if err != nil {
		return nil, 0, 0, err
	}
	n, ok := product(shape)
	if bytes, fits := num.Mul(n, int(l.Size)); !ok || !fits || int64(bytes) > 1<<62 {
		return nil, 0, 0, fmt.Errorf("the shape %s of elements of %d bytes: %w", literal(shapeOf(shape)), l.Size, typedmem.ErrSize)
	}
	h := Header{Shape: append(shape[:len(shape):len(shape)], d.dims...)}
	d.dims = nil
	h.Descr = d.String()
	b, err := AppendHeader(nil, h)
	if err != nil {
		return nil, 0, 0, err
	}
	c, err = container.CreatePlain(path, shell.NewFile)
	if err != nil {
		return nil, 0, 0, err
	}
	if err := c.Write(b, 0); err != nil {
		return nil, 0, 0, errors.Join(err, c.Discard())
	}
	return c, n, int64(len(b)), nil
}
