package arrowio

import (
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
)

// NewReader returns the elements of v as record batches of batch rows, the last of which may be
// shorter. With a batch of 0 it chooses: as many rows as take 8 MiB, at most 65,536.
//
// Where T is one scalar, or an array of one, batches show the memory itself: nothing is copied, and
// the view's memory has to stay open until the last batch was released. Use [NewPinnedReader] to
// have that seen to. bool, [region.Bool8] and numbers of the other byte order are the exception.
// All other types are copied column by column, in blocks that stay in the processor's cache; a
// batch is then independent of the memory. The package comment says more.
//
// Pages of a file are brought in by system calls before a batch is made. When a batch cannot be
// made Next returns false, and Err the reason: the errors of [region.View.Stream], or a
// [typedmem.FaultError] for a file that was cut off meanwhile. Call Release when done.
//
//   - [typedmem.ErrType]: T has no columns; see [Schema].
//   - [typedmem.ErrBounds]: batch is less than 0.
func NewReader[T any](v region.View[T], batch int) (array.RecordReader, error) {
	return newReader(reflect.TypeFor[T](), v.Bytes(), batch, nil)
}

// NewReaderOf is [NewReader] for a type that is known at run time only, such as one made by
// [reflect.StructOf] from the field list of a file. The view has to hold a whole number of elements
// of type t, or the error is [typedmem.ErrBounds].
func NewReaderOf(t reflect.Type, v region.View[byte], batch int) (array.RecordReader, error) {
	return newReader(t, v, batch, nil)
}

// NewPinnedReader is [NewReader] for all elements that r has now. It holds a pin of r until the
// reader, and each batch that shows its memory, was released: until then Close returns
// [typedmem.ErrBusy], and [region.Region.Shutdown] waits.
func NewPinnedReader[T any](r *region.Region[T], batch int) (array.RecordReader, error) {
	unpin, err := r.Pin()
	if err != nil {
		return nil, err
	}
	p := &pin{unpin: unpin}
	p.users.Store(1)
	reader, err := newReader(reflect.TypeFor[T](), r.View().Bytes(), batch, p)
	if err != nil {
		unpin()
	}
	return reader, err
}

// What a batch of an unspecified length is.
const (
	batchBytes = 8 << 20
	batchRows  = 1 << 16
)

// blockBytes is how much is copied to or from a region at once: the columns of such a block are
// made while it is in the cache. Tests have small blocks.
var blockBytes = 64 << 10

func newReader(t reflect.Type, v region.View[byte], batch int, p *pin) (array.RecordReader, error) {
	const op = "arrow reader"
	table, err := tableOf(t)
	switch {
	case err != nil:
		return nil, fail(op, err)
	case batch < 0:
		return nil, fail(op, fmt.Errorf("batches of %d rows, the least is 1, and 0 lets the reader choose: %w", batch, typedmem.ErrBounds))
	case v.Len()%table.size != 0:
		return nil, fail(op, fmt.Errorf("%d bytes are no whole number of %v of %d bytes: %w", v.Len(), t, table.size, typedmem.ErrBounds))
	case batch == 0:
		batch = max(1, min(batchRows, batchBytes/table.size))
	}
	r := &reader{table: table, memory: v, batch: min(batch, v.Len()/table.size), pin: p}
	r.users.Store(1)
	return r, nil
}

// reader is an array.RecordReader over the bytes of elements.
type reader struct {
	table  *table
	memory region.View[byte]
	batch  int // rows
	next   int // byte of memory
	now    arrow.RecordBatch
	err    error
	block  []byte
	pin    *pin // nil: none
	users  atomic.Int64
}

func (r *reader) Retain() { r.users.Add(1) }

func (r *reader) Release() {
	if r.users.Add(-1) == 0 {
		r.drop()
		r.pin.release()
	}
}

func (r *reader) Schema() *arrow.Schema { return r.table.schema }

func (r *reader) RecordBatch() arrow.RecordBatch { return r.now }

func (r *reader) Record() arrow.RecordBatch { return r.now }

func (r *reader) Err() error { return r.err }

func (r *reader) drop() {
	if r.now != nil {
		r.now.Release()
		r.now = nil
	}
}

// Next makes the next batch. The one before is released.
func (r *reader) Next() bool {
	r.drop()
	if r.err != nil || r.next == r.memory.Len() || r.users.Load() < 1 {
		return false
	}
	stop := min(r.next+r.batch*r.table.size, r.memory.Len())
	part, err := r.memory.Sub(r.next, stop)
	if err == nil {
		err = checked(func() error { return r.read(part) })
	}
	if err != nil {
		r.err = fail("arrow reader", fmt.Errorf("rows %d to %d: %w", r.next/r.table.size, stop/r.table.size, err))
		return false
	}
	r.next = stop
	return true
}

// checked turns a fault in f, and what a checked access panics with, into an error.
func checked(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			refusal, ok := p.(*typedmem.Error)
			if !ok {
				panic(p)
			}
			err = refusal
		}
	}()
	return typedmem.Guard(f)
}

// read makes a batch of the bytes of elements.
func (r *reader) read(elements region.View[byte]) (err error) {
	n := elements.Len() / r.table.size
	buffers := make([]*memory.Buffer, len(r.table.leaves)) // of the leaves
	defer func() {
		for _, b := range buffers {
			if b != nil {
				b.Release()
			}
		}
	}()
	if r.table.asIs {
		if buffers[0], err = r.shown(elements); err != nil {
			return err
		}
	}
	if buffers[0] == nil {
		for i, l := range r.table.leaves {
			buffers[i] = memory.NewResizableBuffer(memory.DefaultAllocator)
			buffers[i].Resize(l.bytes(n))
		}
		if err = r.copied(elements, buffers); err != nil {
			return err
		}
	}
	r.now = r.table.batch(n, buffers)
	return nil
}

// shown returns a buffer that is the elements' own memory, nil if that is not aligned.
func (r *reader) shown(elements region.View[byte]) (*memory.Buffer, error) {
	for _, err := range elements.Stream(elements.Len()) { // in one part: brings it in
		if err != nil {
			return nil, err
		}
	}
	raw := elements.Slice()
	width := r.table.leaves[0].width
	// SAFETY: the address is used as a number only.
	if width <= 8 && uintptr(unsafe.Pointer(unsafe.SliceData(raw)))%uintptr(width) != 0 {
		return nil, nil
	}
	if r.pin == nil {
		return memory.NewBufferBytes(raw), nil
	}
	r.pin.users.Add(1)
	return memory.NewBufferWithAllocator(raw, r.pin), nil
}

// copied fills the buffers from elements, block by block.
func (r *reader) copied(elements region.View[byte], buffers []*memory.Buffer) error {
	size := r.table.size
	if r.block == nil {
		r.block = make([]byte, max(1, blockBytes/size)*size)
	}
	row := 0
	for part, err := range elements.Stream(len(r.block)) {
		if err != nil {
			return err
		}
		block := r.block[:part.CopyTo(r.block)]
		for i, l := range r.table.leaves {
			l.gather(buffers[i].Bytes(), row*l.rows, block, size)
		}
		row += len(block) / size
	}
	return nil
}

// batch makes a record batch of n rows from the buffers of the leaves.
func (made *table) batch(n int, buffers []*memory.Buffer) arrow.RecordBatch {
	columns := make([]arrow.Array, len(made.columns))
	for i, c := range made.columns {
		data := c.data(n, buffers)
		columns[i] = array.MakeFromData(data)
		data.Release()
		defer columns[i].Release()
	}
	return array.NewRecordBatch(made.schema, columns, int64(n))
}

// data returns the values that n elements have in the column.
func (c *column) data(n int, buffers []*memory.Buffer) arrow.ArrayData {
	if c.children == nil {
		return array.NewData(c.typ, n*c.rows, []*memory.Buffer{nil, buffers[c.leaf]}, nil, 0, 0)
	}
	children := make([]arrow.ArrayData, len(c.children))
	for i, child := range c.children {
		children[i] = child.data(n, buffers)
		defer children[i].Release()
	}
	return array.NewData(c.typ, n*c.rows, []*memory.Buffer{nil}, children, 0, 0)
}

// pin holds a region open for its users: a reader, and the buffers that show the region's memory.
type pin struct {
	users atomic.Int64
	unpin func()
}

func (p *pin) release() {
	if p != nil && p.users.Add(-1) == 0 {
		p.unpin()
	}
}

// Free is called when the last reference to a buffer is released; see [memory.Allocator].
func (p *pin) Free([]byte) { p.release() }

// Allocate is not called: the buffers of a pin do not grow.
func (p *pin) Allocate(int) []byte { panic(errFixed) }

// Reallocate is not called either.
func (p *pin) Reallocate(int, []byte) []byte { panic(errFixed) }

var errFixed = errors.New("arrowio: a buffer that shows mapped memory cannot grow")
