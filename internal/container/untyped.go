package container

import (
	"errors"
	"fmt"
	"math"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/layout"
)

// LayoutOf returns the layout that the file at path says its elements have, for a program that does
// not know their type. The file is only read. [Open] with it opens this file and those of the same
// type.
func LayoutOf(path string, kind Kind) (*layout.Layout, error) {
	f, err := Open(path, Spec{}, false)
	if err != nil {
		return nil, err
	}
	l, err := f.layout(kind)
	if err != nil {
		err = fmt.Errorf("%s: %w", path, err)
	}
	if err := errors.Join(err, f.Abandon()); err != nil {
		return nil, err
	}
	return l, nil
}

func (c *File) layout(kind Kind) (*layout.Layout, error) {
	h := c.header
	switch {
	case h.kind != kind:
		return nil, fmt.Errorf("it is a %v file, a %v was asked for: %w", h.kind, kind, typedmem.ErrLayout)
	case h.order != nativeOrder:
		return nil, fmt.Errorf("its data is %s-endian, this machine is %s-endian: %w", h.order, nativeOrder, typedmem.ErrLayout)
	case h.elemSize > math.MaxInt32:
		return nil, fmt.Errorf("elements of %d bytes: %w", h.elemSize, typedmem.ErrSize)
	}
	natural := layout.Alignment(c.Describe().Fields)
	if uint64(natural) != h.elemAlign {
		return nil, fmt.Errorf("an alignment of %d, by its fields it is %d: %w", h.elemAlign, natural, typedmem.ErrCorrupt)
	}
	return layout.Described(h.fields, uintptr(h.elemSize), natural), nil
}
