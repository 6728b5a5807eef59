// Package parquetio writes regions to Parquet files, and appends Parquet files to regions, with the
// columns of package arrowio. Both stream: they hold a row group, or a part of one, in memory.
package parquetio

import (
	"context"
	"fmt"
	"io"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/arrowio"
	"github.com/typedmem/typedmem/region"
)

// The largest row group: one column of it is written at a time, so this is about what Write takes
// in memory.
const (
	groupBytes = 32 << 20
	groupRows  = 1 << 20
)

// Write writes the elements of v to w as a Parquet file, in row groups of up to 32 MiB and
// 1,048,576 rows. It does not close w. Properties, such as [parquet.WithCompression], are those of
// arrow-go, which by default compresses nothing and writes dictionaries; there all NaNs are one. A
// file that Write returned an error for is no Parquet file.
//
// The errors are those of [arrowio.NewReader], of its reader, and of w.
func Write[T any](w io.Writer, v region.View[T], properties ...parquet.WriterProperty) error {
	const op = "write parquet"
	p := parquet.NewWriterProperties(properties...)
	size := int(unsafe.Sizeof(*new(T))) // of a T that takes no bytes the reader says so
	rows := max(1, min(groupRows, p.MaxRowGroupLength(), int64(groupBytes/max(1, size))))
	records, err := arrowio.NewReader(v, int(rows))
	if err != nil {
		return fail(op, err)
	}
	defer records.Release()
	return fail(op, write(w, records, p))
}

func write(w io.Writer, records array.RecordReader, p *parquet.WriterProperties) (err error) {
	to := &sink{to: w}
	defer func() {
		if to.err == nil {
			return
		}
		if recover() != nil { // arrow-go panics when the first bytes cannot be written
			err = to.err
		}
	}()
	arrowProperties := pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema(), pqarrow.WithAllocator(p.Allocator()))
	file, err := pqarrow.NewFileWriter(records.Schema(), to, p, arrowProperties)
	if err != nil {
		return err
	}
	for records.Next() {
		if err := file.Write(records.RecordBatch()); err != nil {
			return err
		}
	}
	if err := records.Err(); err != nil {
		return err
	}
	return file.Close()
}

// sink remembers the first error, and hides the Close of a writer, which arrow-go would call.
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

// batchRows is how many rows Append reads at once.
const batchRows = 1 << 16

// Append appends all rows of a Parquet file to r, and returns how many it appended. It reads the
// columns that T has fields for; [arrowio.Append] says which types fit, and what n is after an
// error. Beside its errors there are those of reading the file.
//
// Append only files that you trust. A file that was cut off is refused, but other damage may give
// wrong rows, as Parquet has few checksums, or end the process: arrow-go decodes columns in
// goroutines of its own, and no caller can recover from their panics.
func Append[T any](r *region.Region[T], from parquet.ReaderAtSeeker) (n int, err error) {
	const op = "append parquet"
	before := r.Len()
	defer func() {
		if p := recover(); p != nil { // arrow-go trusts some bytes of a file
			n, err = r.Len()-before, fail(op, fmt.Errorf("a damaged Parquet file: %v", p))
		}
	}()
	schema, err := arrowio.Schema[T]()
	if err != nil {
		return 0, fail(op, err)
	}
	rows := max(1, min(batchRows, groupBytes/unsafe.Sizeof(*new(T))))
	records, err := open(from, schema, int64(rows))
	if err != nil {
		return 0, fail(op, err)
	}
	defer records.Release()
	n, err = arrowio.Append(r, records)
	return n, fail(op, err)
}

// open returns the columns that a schema names, or all if there are none of them.
func open(from parquet.ReaderAtSeeker, schema *arrow.Schema, rows int64) (array.RecordReader, error) {
	source, err := file.NewParquetReader(from) // its Close would close the caller's file
	if err != nil {
		return nil, err
	}
	reader, err := pqarrow.NewFileReader(source, pqarrow.ArrowReadProperties{BatchSize: rows}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	var columns []int
	for i := range source.MetaData().Schema.NumColumns() {
		if schema.HasField(source.MetaData().Schema.Column(i).ColumnPath()[0]) {
			columns = append(columns, i)
		}
	}
	return reader.GetRecordReader(context.Background(), columns, nil)
}

func fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return &typedmem.Error{Op: op, Err: err}
}
