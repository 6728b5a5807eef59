package region

import (
	"fmt"
	"iter"
	"strconv"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/shell"
)

// Rows is a checked view of elements that lie in rows of one width: vectors, images, matrices. It
// is a value of four words, and View's rules for lifetime and concurrency hold for it. Making views
// of rows and columns allocates nothing.
//
// The zero value has no rows, and no elements in a row.
type Rows[T any] struct {
	// SAFETY: the n*width elements from first on lie in the address range of limits, so that no
	// address of one of them overflows. None is touched before its address has been compared with
	// limits.
	first  unsafe.Pointer
	n      int // rows
	width  int // elements
	limits *mem.Limits
}

// RowsOf shows v as rows of width elements each.
//
// [typedmem.ErrBounds]: v is no whole number of rows, or width is below 1.
func RowsOf[T any](v View[T], width int) (Rows[T], error) {
	if width < 1 {
		return Rows[T]{}, shell.Fail("rows of", fmt.Errorf("rows of %d elements, the least is 1: %w", width, typedmem.ErrBounds))
	}
	if v.n%width != 0 {
		return Rows[T]{}, shell.Fail("rows of", partRow(v.n, width))
	}
	return Rows[T]{v.first, v.n / width, width, v.limits}, nil
}

// partRow is the error for n elements where whole rows are wanted.
func partRow(n, width int) error {
	return fmt.Errorf("%d elements are no whole number of rows of %d, but %s is: %w", n, width, wholeNear(n, width), typedmem.ErrBounds)
}

// wholeNear names the whole numbers of rows next to n elements.
func wholeNear(n, width int) string {
	if n < width {
		return strconv.Itoa(width)
	}
	return fmt.Sprintf("%d or %d", n-n%width, num.AddOrMax(n-n%width, width))
}

// onlyRows returns n, a number of elements, without those of the last row if that is not whole.
func (c *core) onlyRows(n int) int {
	if c.width > 1 {
		n -= n % c.width
	}
	return n
}

// elements returns how many elements the length in bytes means to others: those of whole rows. Who
// changes the length through the mapping may leave a part of a row.
func (c *core) elements(bytes int) int { return c.onlyRows(bytes / c.size) }

// wholeRows returns an error unless the region has whole rows with more elements after the first n.
func (c *core) wholeRows(n, more int) error {
	if c.width < 2 {
		return nil
	}
	return checkRows(n, more, c.width)
}

func checkRows(n, more, width int) error {
	if (n+more)%width == 0 {
		return nil
	}
	if n%width == 0 {
		n = 0
	}
	return partRow(n+more, width)
}

// Len returns the number of rows.
func (r Rows[T]) Len() int { return r.n }

// Width returns the number of elements in a row.
func (r Rows[T]) Width() int { return r.width }

// At returns element j of row i. Where Load would return an error it panics with it.
func (r Rows[T]) At(i, j int) (x T) {
	var end uintptr
	if uint(i) < uint(r.n) && uint(j) < uint(r.width) {
		end = r.limits.Readable()
		if p := unsafe.Add(r.first, uintptr(i*r.width+j)*unsafe.Sizeof(x)); uintptr(p)+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				r.limits.Race().Read(p, unsafe.Sizeof(x))
			}
			return *(*T)(p)
		}
	}
	panic(&typedmem.Error{Op: "at", Err: &rowRefusal{i, j, r.n, r.width, end}})
}

// Set sets element j of row i to x. Where Store would return an error it panics with it.
func (r Rows[T]) Set(i, j int, x T) {
	var end uintptr
	if uint(i) < uint(r.n) && uint(j) < uint(r.width) {
		end = r.limits.Writable()
		if p := unsafe.Add(r.first, uintptr(i*r.width+j)*unsafe.Sizeof(x)); uintptr(p)+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				r.limits.Race().Write(p, unsafe.Sizeof(x))
			}
			*(*T)(p) = x
			return
		}
	}
	panic(&typedmem.Error{Op: "set", Err: &rowRefusal{i, j, r.n, r.width, end}})
}

// Load returns element j of row i, with the errors of [View.Load].
func (r Rows[T]) Load(i, j int) (x T, err error) {
	var end uintptr
	if uint(i) < uint(r.n) && uint(j) < uint(r.width) {
		end = r.limits.Readable()
		if p := unsafe.Add(r.first, uintptr(i*r.width+j)*unsafe.Sizeof(x)); uintptr(p)+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				r.limits.Race().Read(p, unsafe.Sizeof(x))
			}
			return *(*T)(p), nil
		}
	}
	return x, &typedmem.Error{Op: "load", Err: &rowRefusal{i, j, r.n, r.width, end}}
}

// Store sets element j of row i to x, with the errors of [View.Store].
func (r Rows[T]) Store(i, j int, x T) (err error) {
	var end uintptr
	if uint(i) < uint(r.n) && uint(j) < uint(r.width) {
		end = r.limits.Writable()
		if p := unsafe.Add(r.first, uintptr(i*r.width+j)*unsafe.Sizeof(x)); uintptr(p)+(unsafe.Sizeof(x)-1) < end {
			if race.Enabled {
				r.limits.Race().Write(p, unsafe.Sizeof(x))
			}
			*(*T)(p) = x
			return
		}
	}
	return &typedmem.Error{Op: "store", Err: &rowRefusal{i, j, r.n, r.width, end}}
}

// Row returns a view of row i. It touches no memory, and panics with an *typedmem.Error that wraps
// [typedmem.ErrBounds] where there is no such row.
func (r Rows[T]) Row(i int) View[T] {
	if uint(i) < uint(r.n) {
		first := unsafe.Add(r.first, uintptr(i*r.width)*unsafe.Sizeof(*new(T)))
		return View[T]{first, r.width, uintptr(first) + uintptr(r.width)*unsafe.Sizeof(*new(T)), r.limits}
	}
	panic(&typedmem.Error{Op: "row", Err: &rowRefusal{i, 0, r.n, r.width, 0}})
}

// Col returns a view of element j of every row. It touches no memory, and panics with an
// *typedmem.Error that wraps [typedmem.ErrBounds] where rows have no such element.
func (r Rows[T]) Col(j int) Strided[T] {
	if uint(j) >= uint(r.width) {
		panic(shell.Fail("col", fmt.Errorf("element %d of rows of %d: %w", j, r.width, typedmem.ErrBounds)))
	}
	stride := uintptr(r.width) * unsafe.Sizeof(*new(T))
	if r.n == 0 {
		return Strided[T]{r.first, 0, stride, r.limits}
	}
	return Strided[T]{unsafe.Add(r.first, uintptr(j)*unsafe.Sizeof(*new(T))), r.n, stride, r.limits}
}

// Sub returns the rows [lo, hi) of r, or [typedmem.ErrBounds].
func (r Rows[T]) Sub(lo, hi int) (Rows[T], error) {
	if !num.Range(lo, hi, r.n) {
		return Rows[T]{}, shell.Fail("sub", fmt.Errorf("rows [%d,%d) of %d: %w", lo, hi, r.n, typedmem.ErrBounds))
	}
	if lo == hi {
		return Rows[T]{r.first, 0, r.width, r.limits}, nil
	}
	return Rows[T]{unsafe.Add(r.first, uintptr(lo*r.width)*unsafe.Sizeof(*new(T))), hi - lo, r.width, r.limits}, nil
}

// All yields the index and a view of every row. It touches no memory; the views check each access.
func (r Rows[T]) All() iter.Seq2[int, View[T]] {
	return func(yield func(int, View[T]) bool) {
		for i := range r.n {
			if !yield(i, r.Row(i)) {
				return
			}
		}
	}
}

// Flat returns a view of all elements, row after row.
func (r Rows[T]) Flat() View[T] {
	n := r.n * r.width
	return View[T]{r.first, n, uintptr(r.first) + uintptr(n)*unsafe.Sizeof(*new(T)), r.limits}
}

// rowRefusal is refusal for Rows.
type rowRefusal struct {
	i, j, n, width int
	limit          uintptr // that the access compared with, if there is such an element
}

func (r *rowRefusal) Unwrap() error {
	switch {
	case uint(r.i) >= uint(r.n):
		return fmt.Errorf("row %d out of range with %d rows: %w", r.i, r.n, typedmem.ErrBounds)
	case uint(r.j) >= uint(r.width):
		return fmt.Errorf("element %d out of range in rows of %d: %w", r.j, r.width, typedmem.ErrBounds)
	}
	return mem.Refusal(r.limit)
}

func (r *rowRefusal) Error() string { return r.Unwrap().Error() }
