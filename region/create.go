package region

import (
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/options"
)

// New makes a region of n zero elements in anonymous memory, with address space to grow into; the
// package comment says how much. For another capacity use MapMut.
//
// [typedmem.ErrType]: T cannot live in mapped memory. [typedmem.ErrSize]: n is negative or too
// large.
func New[T any](n int) (*Region[T], error) {
	c, err := newInMemory(n, shell.LayoutOf[T]())
	return show[T]("new", c, err)
}

// Map makes a read-only region in memory that o describes. Len is the number of whole elements that
// fit its size. In a file, a range past the end is [typedmem.ErrTruncated], and an offset that does
// not suit the alignment of T is [typedmem.ErrOffset].
func Map[T any](o options.Options) (*Region[T], error) {
	c, err := mapRequest(request(o, flags.Read), shell.LayoutOf[T]())
	return show[T]("map", c, err)
}

// MapMut makes a read-write region in memory that o describes; see [Map]. It grows up to the
// capacity of o, and a shared file grows with it. Without a capacity it cannot grow.
func MapMut[T any](o options.Options) (*Region[T], error) {
	c, err := mapRequest(request(o, flags.Read|flags.Write), shell.LayoutOf[T]())
	return show[T]("map", c, err)
}

// From makes a region of a mapping, which the region owns from then on. Do not make a second region
// of the same mapping; From does not detect it. On error the mapping is unchanged and stays the
// caller's: [typedmem.ErrType] if T cannot live in its memory, [typedmem.ErrOffset] if its address
// does not suit T.
func From[T any](m *typedmem.Mapping) (*Region[T], error) {
	c, err := fromMapping(m, shell.LayoutOf[T]())
	return show[T]("from", c, err)
}

func newInMemory(n int, l *layout.Layout) (*core, error) {
	bytes, err := shell.Bytes(n, l)
	if err != nil {
		return nil, err
	}
	r := request(options.New(bytes), flags.Read|flags.Write)
	r.Elastic = true
	return mapRequest(r, l)
}

func fromMapping(m *typedmem.Mapping, l *layout.Layout) (*core, error) {
	if m == nil {
		return nil, fmt.Errorf("no mapping was given: %w", typedmem.ErrOperation)
	}
	if mem.Of(m).Limits().Mapping() != mem.Of(m) {
		return nil, typedmem.ErrClosed
	}
	return newCore(m, l)
}

// request is what o asks for, with a protection.
func request(o options.Options, p flags.Protection) mem.Request {
	r := mem.RequestOf(o)
	r.Protection = p
	return r
}
