package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	parquet "github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// batches is a file of Arrow or Parquet that is read.
type batches struct {
	schema *arrow.Schema // of the whole file

	// open prepares reading some columns, by their places in the schema. Then next returns batches,
	// which have these columns in this order, and io.EOF at the end.
	open func(columns []int) error
	next func() (arrow.RecordBatch, error)
}

// arrow prepares the import of an Arrow or Parquet file.
func (o *importOptions) arrow(f *os.File, p *progress) (in *input, err error) {
	err = undamaged(func() error {
		in, err = o.openArrow(&countedFile{f, p})
		return err
	})
	return in, err
}

func (o *importOptions) openArrow(f *countedFile) (*input, error) {
	open := openIPC
	if o.as == "parquet" {
		open = openParquet
	}
	file, err := open(f)
	if err != nil {
		return nil, fmt.Errorf("it is no %s file, or is damaged: %w", map[string]string{"arrow": "Arrow IPC", "parquet": "Parquet"}[o.as], err)
	}
	var names []string
	for _, one := range file.schema.Fields() {
		names = append(names, one.Name)
	}
	chosen, err := o.columns(names)
	if err != nil {
		return nil, err
	}
	for i, k := range chosen {
		if slices.Contains(chosen[:i], k) {
			return nil, fmt.Errorf("two fields have the name %s", names[k])
		}
	}
	if err := file.open(chosen); err != nil {
		return nil, err
	}
	t := &taking{file: file}
	if err := t.fetch(); err != nil && err != io.EOF {
		return nil, err
	}
	var columns []*node
	for i, k := range chosen {
		var first arrow.Array
		if t.batch != nil {
			first = t.batch.Column(i)
		}
		c, err := newNode(names[k], file.schema.Field(k).Type, first)
		if err != nil {
			return nil, err
		}
		columns = append(columns, c)
	}
	in := &input{width: 1}
	if len(columns) == 1 && columns[0].name == "value" {
		t.root = columns[0]
		if t.root.kind == nodeList || t.root.kind == nodeBytes { // each of them is a row
			in.width = t.root.n
			in.typ = t.root.elem()
		} else {
			in.typ = t.root.typ
		}
	} else if t.root, err = structNode("", columns); err != nil {
		return nil, err
	} else {
		in.typ = t.root.typ
	}
	if t.root.size > mostItem {
		return nil, fmt.Errorf("a row of it has %d bytes, the most is %d", t.root.size, mostItem)
	}
	in.fields = t.root.fields(in.width > 1)
	in.block = t.read
	return in, nil
}

// undamaged turns a panic of arrow-go, which checks little of what a file says, into an error.
func undamaged(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it is damaged: %v", p)
		}
	}()
	return f()
}

// countedFile shows how much of a file was read.
type countedFile struct {
	*os.File
	p *progress
}

func (c *countedFile) Read(b []byte) (int, error) {
	n, err := c.File.Read(b)
	c.p.add(n)
	return n, err
}

func (c *countedFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.File.ReadAt(b, at)
	c.p.add(n)
	return n, err
}

// openIPC opens an Arrow file.
func openIPC(f *countedFile) (*batches, error) {
	r, err := ipc.NewFileReader(f)
	if err != nil {
		return nil, err
	}
	b := &batches{schema: r.Schema()}
	b.open = func(columns []int) error {
		i := 0
		b.next = func() (arrow.RecordBatch, error) {
			if i == r.NumRecords() {
				return nil, io.EOF
			}
			all, err := r.RecordBatchAt(i)
			if i++; err != nil {
				return nil, err
			}
			defer all.Release()
			some := make([]arrow.Array, len(columns))
			fields := make([]arrow.Field, len(columns))
			for k, c := range columns {
				some[k], fields[k] = all.Column(c), b.schema.Field(c)
			}
			return array.NewRecordBatch(arrow.NewSchema(fields, nil), some, all.NumRows()), nil
		}
		return nil
	}
	return b, nil
}

// openParquet opens a Parquet file.
func openParquet(f *countedFile) (*batches, error) {
	source, err := parquet.NewParquetReader(f)
	if err != nil {
		return nil, err
	}
	r, err := pqarrow.NewFileReader(source, pqarrow.ArrowReadProperties{BatchSize: int64(batchRows)}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	b := &batches{}
	if b.schema, err = r.Schema(); err != nil {
		return nil, err
	}
	b.open = func(columns []int) error {
		var leaves []int // a column of structs has several in Parquet
		all := source.MetaData().Schema
		for i := range all.NumColumns() {
			if slices.Contains(columns, all.Root().FieldIndexByField(all.ColumnRoot(i))) {
				leaves = append(leaves, i)
			}
		}
		records, err := r.GetRecordReader(context.Background(), leaves, nil)
		if err != nil {
			return err
		}
		b.next = func() (arrow.RecordBatch, error) {
			if !records.Next() {
				if err := records.Err(); err != nil && err != io.EOF {
					return nil, err
				}
				return nil, io.EOF
			}
			now := records.RecordBatch()
			if int(now.NumCols()) != len(columns) {
				return nil, fmt.Errorf("it has %d columns where its schema has %d", now.NumCols(), len(columns))
			}
			sorted := slices.Sorted(slices.Values(columns)) // the order in which they come
			some := make([]arrow.Array, len(columns))
			fields := make([]arrow.Field, len(columns))
			for k, c := range columns {
				at, _ := slices.BinarySearch(sorted, c)
				some[k], fields[k] = now.Column(at), b.schema.Field(c)
			}
			return array.NewRecordBatch(arrow.NewSchema(fields, nil), some, now.NumRows()), nil
		}
		return nil
	}
	return b, nil
}

// taking makes the bytes of elements of batches.
type taking struct {
	file  *batches
	root  *node
	batch arrow.RecordBatch // nil at the end
	next  int64             // row of the batch
	row   int64             // rows of the batches before
	block []byte
	left  []byte // of the block
}

// takenBytes is how much is taken of a batch at once.
const takenBytes = 1 << 20

// fetch sets the next batch that has a row, and returns io.EOF where there is none.
func (t *taking) fetch() error {
	for {
		if t.batch != nil {
			t.row += t.batch.NumRows()
			t.batch.Release()
			t.batch = nil
		}
		batch, err := t.file.next()
		if err != nil {
			return err
		}
		t.batch, t.next = batch, 0
		if batch.NumRows() > 0 {
			return nil
		}
	}
}

// read reads elements as they lie in the new file.
func (t *taking) read(b []byte, _ int) (n int, ok bool, err error) {
	err = undamaged(func() error {
		if len(t.left) == 0 {
			if err := t.take(); err != nil {
				return err
			}
		}
		n = copy(b, t.left)
		t.left = t.left[n:]
		return nil
	})
	return n, true, err
}

// take fills the block with the next rows.
func (t *taking) take() error {
	for t.batch == nil || t.next == t.batch.NumRows() {
		if err := t.fetch(); err != nil {
			return err
		}
	}
	size := t.root.size
	rows := min(int64(max(1, takenBytes/size)), t.batch.NumRows()-t.next)
	if t.block == nil {
		t.block = make([]byte, max(1, takenBytes/size)*size)
	}
	block := t.block[:int(rows)*size]
	part := t.batch.NewSlice(t.next, t.next+rows)
	defer part.Release()
	here := place{first: t.row + t.next, dims: []span{{int(rows), size}}}
	columns := t.root.children
	if t.root.kind != nodeStruct || t.root.name != "" {
		columns = []*node{t.root}
	}
	if len(columns) != int(part.NumCols()) {
		return errors.New("a batch of it has other columns than the first one")
	}
	for i, c := range columns {
		if err := c.put(block, part.Column(i), here.in(c)); err != nil {
			return err
		}
	}
	t.next += rows
	t.left = block
	return nil
}

// refuse says that a row cannot be taken.
func (p place) refuse(c *node, i int, format string, args ...any) error {
	for _, d := range p.dims[1:] {
		i /= d.count
	}
	return fmt.Errorf("row %d: %s %s", p.first+int64(i), strings.TrimPrefix(c.path, "."), fmt.Sprintf(format, args...))
}
