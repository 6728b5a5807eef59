package region

import (
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/shell"
)

// SplitOff cuts the region before element i: r keeps [0, i), the result owns [i, Len) and the spare
// capacity. A cut inside a page is [typedmem.ErrOffset]. A region file has one length, so splitting
// it is [typedmem.ErrOperation]: use [Region.Sub]. See [typedmem.Mapping.SplitOff].
func (r *Region[T]) SplitOff(i int) (*Region[T], error) {
	return r.split("split off", i, (*typedmem.Mapping).SplitOff)
}

// SplitTo cuts the region before element i: the result owns [0, i), r keeps the rest. See SplitOff
// and [typedmem.Mapping.SplitTo].
func (r *Region[T]) SplitTo(i int) (*Region[T], error) {
	return r.split("split to", i, (*typedmem.Mapping).SplitTo)
}

func (r *Region[T]) split(op string, i int, cut func(*typedmem.Mapping, int) (*typedmem.Mapping, error)) (*Region[T], error) {
	if r.core.closed() {
		return nil, shell.Fail(op, r.errClosed())
	}
	at, err := shell.Bytes(i, r.core.layout)
	if err != nil {
		return nil, shell.Fail(op, fmt.Errorf("cut at element %d: %w", i, typedmem.ErrOffset))
	}
	if r.core.file != nil {
		return nil, shell.Fail(op, fmt.Errorf("a region file has one length; take views with Sub: %w", typedmem.ErrOperation))
	}
	own := r.core.mapping()
	first, written := own.Addr(), r.core.written
	m, err := cut(own, at)
	if err != nil {
		return nil, shell.Fail(op, err)
	}
	r.core.shorter.Add(1)
	r.core.moveTo(own)
	r.attach()
	r.core.written = written - int(own.Addr()-first)
	other := &core{mayLackSpace: r.core.mayLackSpace, size: r.core.size, layout: r.core.layout, written: written - int(m.Addr()-first)}
	other.moveTo(m)
	return show[T](op, other, nil)
}

// Merge joins next, which must begin where r ends, to the end of r. On success next is closed. See
// [typedmem.Mapping.Merge] for the conditions.
func (r *Region[T]) Merge(next *Region[T]) error {
	switch {
	case r.core.closed():
		return shell.Fail("merge", r.errClosed())
	case next != nil && next.core.closed():
		return shell.Fail("merge", next.errClosed())
	case next == nil || next == r:
		return shell.Fail("merge", fmt.Errorf("a region is merged with another one: %w", typedmem.ErrNotAdjacent))
	case r.core.file != nil || next.core.file != nil:
		return shell.Fail("merge", fmt.Errorf("a region file has one length: %w", typedmem.ErrOperation))
	case r.core.mapping().Len()%r.core.size != 0:
		return shell.Fail("merge", fmt.Errorf("%d bytes are no whole number of elements of %d, so that those of the other region would be cut apart: %w",
			r.core.mapping().Len(), r.core.size, typedmem.ErrNotAdjacent))
	}
	own := r.core.mapping()
	length := own.Len()
	if err := own.Merge(next.core.mapping()); err != nil {
		return shell.Fail("merge", err)
	}
	r.core.moveTo(own)
	r.attach()
	r.core.written = length + next.core.written
	return nil
}
