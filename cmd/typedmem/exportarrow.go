package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/typedmem/typedmem/arrowio"
	"github.com/typedmem/typedmem/inspect"
	"github.com/typedmem/typedmem/region"
)

// How large the batches of an Arrow file and the row groups of a Parquet file are at most. One of
// them is in memory at a time. Tests have fewer rows.
const (
	batchBytes = 8 << 20
	groupBytes = 16 << 20
)

var (
	batchRows = 1 << 16
	groupRows = 1 << 20
)

// batchWriter writes batches to a file of Arrow or Parquet.
type batchWriter interface {
	Write(arrow.RecordBatch) error
	Close() error
}

// writeArrow writes elements as the columns of an Arrow or Parquet file.
func (o *exportOptions) writeArrow(ctx context.Context, w io.Writer, path string, file *inspect.File, p *progress) (err error) {
	info := file.Info()
	lo, hi, err := o.rows(file.Len(), info.Width)
	if err != nil {
		return err
	}
	keep, err := keptFields(file, o.fields)
	if err != nil {
		return err
	}
	a := arrowExport{ctx: ctx, file: file, path: path, lo: lo, hi: hi, p: p, bytes: batchBytes, most: batchRows}
	if o.as == "parquet" {
		a.bytes, a.most = groupBytes, groupRows
	}
	write := a.elements
	if info.Kind == "blob" {
		a.schema, write = blobSchema(keep), a.blobs
	} else {
		if a.of, err = arrowType(info, keep); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if a.schema, err = arrowio.SchemaOf(a.of); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	to := &sink{to: w}
	defer func() {
		if to.err != nil {
			_ = recover() // arrow-go panics when the first bytes cannot be written
			err = to.err
		}
	}()
	if a.to, err = newBatchWriter(o.as, a.schema, to); err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	return a.to.Close()
}

func newBatchWriter(as string, schema *arrow.Schema, w io.Writer) (batchWriter, error) {
	if as == "arrow" {
		return ipc.NewFileWriter(w, ipc.WithSchema(schema))
	}
	properties := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy))
	return pqarrow.NewFileWriter(schema, w, properties, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
}

// sink remembers the first error. It has no Close, which arrow-go would call.
type sink struct {
	to  io.Writer
	err error
}

func (s *sink) Write(b []byte) (n int, err error) {
	if n, err = s.to.Write(b); s.err == nil {
		s.err = err
	}
	return n, err
}

// keptFields returns which fields a selection names. Of a struct it takes all.
func keptFields(file *inspect.File, selection string) (func(path string) bool, error) {
	if selection == "" {
		return func(string) bool { return true }, nil
	}
	var asked []string
	for _, path := range strings.Split(selection, ",") {
		path = strings.TrimSpace(path)
		if path == "" {
			return nil, wrongUse("--fields %q names an empty field; write paths with commas between them", selection)
		}
		if path == indexName || path == handleName {
			return nil, wrongUse("--fields %s: it is no field, and only csv and json have it", path)
		}
		if path == "value" && len(file.Info().Fields) == 1 {
			path = file.Info().Fields[0].Path
		}
		known := false
		for _, f := range file.Info().Fields {
			known = known || within(f.Path, path)
		}
		if !known {
			if _, err := file.Column(path); err != nil {
				return nil, err
			}
			return nil, wrongUse("--fields %s: it is part of an array, which Arrow has as a whole; name the array, or export csv", path)
		}
		asked = append(asked, path)
	}
	return func(path string) bool {
		for _, one := range asked {
			if within(path, one) {
				return true
			}
		}
		return false
	}, nil
}

// within reports whether a field is the one of a path, or a part of it.
func within(field, path string) bool {
	rest, ok := strings.CutPrefix(field, path)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// arrowExport is what an export to Arrow or Parquet knows.
type arrowExport struct {
	ctx    context.Context
	file   *inspect.File
	path   string
	lo, hi int
	p      *progress
	bytes  int // in a batch
	most   int // rows in a batch
	of     reflect.Type
	schema *arrow.Schema
	to     batchWriter
}

// elements writes the elements of a region, or the objects of a slab.
func (a *arrowExport) elements() error {
	info := a.file.Info()
	size := int(a.of.Size()) // of a row
	rows := max(1, min(a.bytes/size, a.most, (a.hi-a.lo)*info.ElementSize/size))
	memory, err := region.New[byte](rows * size)
	if err != nil {
		return err
	}
	defer memory.Close()
	view := memory.View()
	flush := func(n int) error {
		part, err := view.Sub(0, n*size)
		if err != nil {
			return err
		}
		records, err := arrowio.NewReaderOf(a.of, part, rows)
		if err != nil {
			return err
		}
		defer records.Release()
		for records.Next() {
			if err := a.to.Write(records.RecordBatch()); err != nil {
				return err
			}
		}
		a.p.add(n * size / info.ElementSize)
		return records.Err()
	}
	buf := view.Slice()
	if info.Kind == "region" {
		return readElements(a.ctx, a.path, info, a.lo, a.hi, buf, func(b []byte) error { return flush(len(b) / size) })
	}
	n := 0
	for e, err := range a.file.Elements(a.lo, a.hi) {
		if err = errors.Join(err, a.ctx.Err()); err != nil {
			return err
		}
		copy(buf[n*size:], e.Bytes)
		if n++; n == rows {
			if err := flush(n); err != nil {
				return err
			}
			n = 0
		}
	}
	return flush(n)
}

// blobSchema returns the columns of a blob file.
func blobSchema(keep func(string) bool) *arrow.Schema {
	var fields []arrow.Field
	for _, f := range []arrow.Field{{Name: "Ref", Type: arrow.PrimitiveTypes.Uint64}, {Name: "Bytes", Type: arrow.BinaryTypes.Binary}} {
		if keep(f.Name) {
			fields = append(fields, f)
		}
	}
	return arrow.NewSchema(fields, nil)
}

// blobs writes the blobs of a blob file.
func (a *arrowExport) blobs() error {
	b := array.NewRecordBuilder(memory.DefaultAllocator, a.schema)
	defer b.Release()
	bytes, rows := 0, 0
	flush := func() error {
		if rows == 0 {
			return nil
		}
		batch := b.NewRecordBatch()
		defer batch.Release()
		a.p.add(rows)
		bytes, rows = 0, 0
		return a.to.Write(batch)
	}
	for e, err := range a.file.Elements(a.lo, a.hi) {
		if err = errors.Join(err, a.ctx.Err()); err != nil {
			return err
		}
		if len(e.Bytes) > math.MaxInt32-batchBytes {
			return fmt.Errorf("%s: blob %d has %d bytes, and a column of Arrow or Parquet takes less than 2 GiB of one; leave it out by --from and --to", a.path, e.Index, len(e.Bytes))
		}
		if bytes+len(e.Bytes) > a.bytes || rows == a.most {
			if err := flush(); err != nil {
				return err
			}
		}
		for i, f := range a.schema.Fields() {
			if f.Name == "Ref" {
				b.Field(i).(*array.Uint64Builder).Append(e.Handle)
			} else {
				b.Field(i).(*array.BinaryBuilder).Append(e.Bytes)
			}
		}
		bytes, rows = bytes+len(e.Bytes)+12, rows+1
	}
	return flush()
}
