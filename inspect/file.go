package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"sync"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// File is an open region, slab or blob file. Its methods are safe for concurrent use. The zero File
// is closed. Do not copy a File.
type File struct {
	_    shell.NoCopy
	path string

	mu      sync.RWMutex
	c       *container.File // nil after Close
	info    Info
	holds   holder
	columns []Column // of Info.Fields
}

// holder is where a kind of file has its elements.
type holder interface {
	// length is called with File.mu held for reading.
	length() int

	// scan reads the elements [lo, hi) and calls f with each one that there is, until f returns
	// false. The Bytes are valid during the call. It may run beside any other call.
	scan(lo, hi int, f func(Element) bool) error

	// refresh takes over the length that the writer has published. File.mu is held.
	refresh(n int) error
}

// Element is one element of a file.
type Element struct {
	// Index is the place of the element: of a slab its slot, of a blob how many come before it.
	Index int

	// Handle is the handle of an object of a slab, as slab.HandleFrom takes it, or the blob.Ref of
	// a blob; 0 in a region.
	Handle uint64

	// Bytes are those of the element as they lie in the file, or those of a blob.
	Bytes []byte
}

// ErrNoObject is why the slot of a slab has no value: no object lives there.
var ErrNoObject = errors.New("no object lives in the slot")

// Open opens a file for reading. Any number of readers and one writer may have it open. Of a slab
// it checks the words of all slots. It returns the errors of [Stat].
func Open(path string) (*File, error) {
	c, err := container.Open(path, container.Spec{}, false)
	if err != nil {
		return nil, shell.Fail("open", printing.Named(path, err))
	}
	f := &File{path: path, c: c}
	if f.info, err = describe(c); err == nil {
		err = f.begin()
	}
	if err != nil {
		return nil, shell.Fail("open", printing.Named(path, errors.Join(err, c.Abandon())))
	}
	return f, nil
}

// begin makes the holder and the columns of the file.
func (f *File) begin() (err error) {
	d := f.c.Describe()
	switch f.info.Kind {
	case "slab":
		f.holds, err = newObjects(f.c, d.Order, d.Size)
	case "blob":
		f.holds, err = newTexts(f.c, d.Length)
	default:
		f.holds = &elements{f.c, d.Size, d.Length}
	}
	if f.info.Kind == "blob" {
		f.columns = []Column{{Path: "Ref", Kind: "blob.Ref"}, {Path: "Bytes", Kind: "string"}}
		return err
	}
	for i := range d.Fields {
		f.columns = append(f.columns, columnOf(&d.Fields[i], d.Order))
	}
	return err
}

// Info returns what the file said when it was opened or refreshed. After Close it is the last one.
func (f *File) Info() Info {
	f.mu.RLock()
	defer f.mu.RUnlock()
	info := f.info
	info.Fields = append([]Field(nil), info.Fields...)
	return info
}

// Len returns how many elements there are, 0 after Close: of a slab the slots that may be in use,
// with an object or not; of a blob file the blobs, for which the first call reads the word of each
// one. Of a damaged blob file it counts the blobs before the damage.
func (f *File) Len() int {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.c == nil {
		return 0
	}
	return f.holds.length()
}

// Columns returns a column for each of Info.Fields.
func (f *File) Columns() []Column {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return append([]Column(nil), f.columns...)
}

// Element returns element i, with bytes that are the caller's.
//
//   - [typedmem.ErrBounds]: there is no such element.
//   - [ErrNoObject]: no object lives in the slot of the slab.
//   - [typedmem.ErrCorrupt], [typedmem.ErrTruncated], or the system's error: it cannot be read.
//   - [typedmem.ErrClosed]: the file is closed.
func (f *File) Element(i int) (Element, error) {
	e, err := f.element(i)
	return e, f.failed("element", err)
}

func (f *File) element(i int) (found Element, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.c == nil {
		return Element{}, typedmem.ErrClosed
	}
	if n := f.holds.length(); i < 0 || i >= n {
		return Element{}, fmt.Errorf("element %d out of range with %d elements: %w", i, n, typedmem.ErrBounds)
	}
	ok := false
	err = f.holds.scan(i, i+1, func(e Element) bool {
		found, ok = e, true
		found.Bytes = append([]byte(nil), e.Bytes...)
		return false
	})
	if err == nil && !ok {
		err = fmt.Errorf("slot %d: %w", i, ErrNoObject)
	}
	return found, err
}

// Value returns a field of element i: a Go number, a bool for an atomic.Bool, or for several
// numbers a slice of them in the order of their addresses. [File.Column] says which fields can be
// named. Of a blob, "Ref" is a uint64 and "Bytes" a string. It returns the errors of [File.Column]
// and [File.Element].
func (f *File) Value(i int, field string) (any, error) {
	c, err := f.column(field)
	if err != nil {
		return nil, f.failed("value", err)
	}
	e, err := f.element(i)
	if err != nil {
		return nil, f.failed("value", err)
	}
	return c.Value(e), nil
}

// All yields the index and the values of each element, one for each of Info.Fields, as [File.Value]
// returns them. It passes over slots of a slab without an object. The loop ends at an element that
// cannot be read; [File.Elements] has the error. After Close it panics with [typedmem.ErrClosed].
func (f *File) All() iter.Seq2[int, []any] {
	return func(yield func(int, []any) bool) {
		columns, n := f.Columns(), f.Len()
		for e, err := range f.Elements(0, n) {
			if errors.Is(err, typedmem.ErrClosed) {
				panic(f.failed("all", typedmem.ErrClosed))
			}
			if err != nil {
				return
			}
			row := make([]any, len(columns))
			for i, c := range columns {
				row[i] = c.Value(e)
			}
			if !yield(e.Index, row) {
				return
			}
		}
	}
}

// Elements yields the elements [lo, hi) in order. It passes over slots of a slab without an object.
// The Bytes of an element are valid until the next one. If something cannot be read, the loop ends
// with one of the errors of [File.Element].
func (f *File) Elements(lo, hi int) iter.Seq2[Element, error] {
	return func(yield func(Element, error) bool) {
		n := f.Len()
		if !f.open() {
			yield(Element{}, f.failed("elements", typedmem.ErrClosed))
			return
		}
		if !num.Range(lo, hi, n) {
			yield(Element{}, f.failed("elements", fmt.Errorf("elements [%d,%d) of %d: %w", lo, hi, n, typedmem.ErrBounds)))
			return
		}
		more := true
		err := f.holds.scan(lo, hi, func(e Element) bool {
			more = yield(e, nil)
			return more
		})
		if err != nil && more {
			yield(Element{}, f.failed("elements", err))
		}
	}
}

func (f *File) open() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.c != nil
}

// Refresh takes over what the writer has added since the file was opened, and returns [File.Len].
//
//   - The errors of [Open]: the file was cut off, or another file's contents were written over it.
//   - [typedmem.ErrClosed]: it is closed.
func (f *File) Refresh() (int, error) {
	f.mu.Lock()
	err := f.refresh()
	f.mu.Unlock()
	return f.Len(), f.failed("refresh", err)
}

func (f *File) refresh() error {
	if f.c == nil {
		return typedmem.ErrClosed
	}
	n, err := f.c.Refresh()
	if err != nil {
		return err
	}
	kind := f.info.Kind
	info, err := describe(f.c)
	if err != nil {
		return err
	}
	f.info = info
	if info.Kind != kind {
		return fmt.Errorf("it is a %s now: %w", info.Kind, typedmem.ErrLayout)
	}
	return f.holds.refresh(n)
}

// Close closes the file. A loop over its elements ends with [typedmem.ErrClosed].
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.c == nil {
		return f.failed("close", typedmem.ErrClosed)
	}
	err := f.c.Abandon()
	f.c = nil
	return f.failed("close", err)
}

// failed returns the error of an operation, which names the file, nil where err is nil.
func (f *File) failed(op string, err error) error {
	if errors.Is(err, fs.ErrClosed) {
		err = typedmem.ErrClosed
	}
	return shell.Fail(op, printing.Named(f.path, err))
}
