package rows

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/typedmem/typedmem/arrowio"
	"github.com/typedmem/typedmem/arrowio/parquetio"
	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/npy"
	"github.com/typedmem/typedmem/region"
)

// exportRows write a region file into a file of another format, beside that format's own library,
// which has the same values on its heap. What is written is on the disk at the end.
func exportRows() []harness.Row {
	return []harness.Row{
		{Name: "export 1 GiB of float64 to .npy", Unit: "element", Own: true, Cases: []harness.Case{
			exportCase("npy.Write", harness.Ours, floatOf, npy.Write[float64]),
			numpyCase(),
		}},
		{Name: "export 1 GiB of float64 to Parquet", Unit: "element", Own: true, Cases: []harness.Case{
			exportCase("parquetio.Write", harness.Ours, floatOf, exportParquet[float64]),
			heapParquetCase(floatOf, func(s []float64) array.Builder {
				b := array.NewFloat64Builder(arrowmemory.DefaultAllocator)
				b.AppendValues(s, nil)
				return b
			}),
		}},
		{Name: "export 1 GiB of 32-byte structs to Parquet", Unit: "element", Own: true, Cases: []harness.Case{
			exportCase("parquetio.Write", harness.Ours, recOf, exportParquet[Rec]),
			heapParquetCase(recOf, buildRecs),
		}},
	}
}

func floatOf(i int) float64 { return float64(i*7919) / 1024 }

func exported[T any](e *harness.Env) int {
	return e.Size(1<<30, 32<<20) / int(unsafe.Sizeof(*new(T)))
}

// exportCase writes a region file of values. write makes the file at path.
func exportCase[T any](name, lib string, value func(int) T, write func(path string, v region.View[T], shape ...int) error) harness.Case {
	return harness.Case{Name: name, Lib: lib, Setup: func(e *harness.Env) (harness.Bench, error) {
		from, path := filepath.Join(e.Disk, "export.tm"), filepath.Join(e.Disk, "exported")
		r, err := region.Create[T](from, exported[T](e))
		if err != nil {
			return harness.Bench{}, err
		}
		for i := range r.Len() {
			r.Set(i, value(i))
		}
		end := func() error { return errors.Join(r.Close(), os.Remove(from), removed(path)) }
		if err := r.Sync(); err != nil {
			return harness.Bench{}, errors.Join(err, end())
		}
		return harness.Bench{
			Ops: r.Len(), Once: true, Close: end,
			Reset: func() error { return removed(path) },
			Run:   func(int) error { return write(path, r.View()) },
		}, nil
	}}
}

func removed(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func exportParquet[T any](path string, v region.View[T], _ ...int) error {
	return into(path, true, func(f *os.File) error { return parquetio.Write(f, v) })
}

// numpySave makes an array, and saves it once for each line that it reads. Its processor time and
// memory are those of a process of its own, which the table does not show.
const numpySave = `
import os, sys, numpy
x = numpy.arange(int(sys.argv[1]), dtype=numpy.float64) * 7919 / 1024
print("ready", flush=True)
for _ in sys.stdin:
    with open(sys.argv[2], "wb") as f:
        numpy.save(f, x)
        os.fsync(f.fileno())
    print("saved", flush=True)
`

func numpyCase() harness.Case {
	return harness.Case{Name: "numpy.save, fsync", Lib: "NumPy", Setup: func(e *harness.Env) (harness.Bench, error) {
		n, path := exported[float64](e), filepath.Join(e.Disk, "exported")
		python := exec.Command("/usr/bin/python3", "-c", numpySave, fmt.Sprint(n), path)
		python.Stderr = os.Stderr
		in, err := python.StdinPipe()
		if err != nil {
			return harness.Bench{}, err
		}
		out, err := python.StdoutPipe()
		if err == nil {
			err = python.Start()
		}
		if err != nil {
			return harness.Bench{}, err
		}
		lines := bufio.NewReader(out)
		say := func(line string) error {
			if _, err := io.WriteString(in, line); err != nil {
				return err
			}
			_, err := lines.ReadString('\n')
			return err
		}
		end := func() error { return errors.Join(in.Close(), python.Wait(), removed(path)) }
		if _, err := lines.ReadString('\n'); err != nil {
			return harness.Bench{}, errors.Join(err, end())
		}
		return harness.Bench{
			Ops: n, Once: true, Close: end,
			Reset: func() error { return removed(path) },
			Run:   func(int) error { return say("save\n") },
		}, nil
	}}
}

// heapParquetCase is what a program without this library does: a batch of its slice becomes a
// record, and arrow-go writes that, with the properties that parquetio.Write has.
func heapParquetCase[T any](value func(int) T, build func([]T) array.Builder) harness.Case {
	return harness.Case{Name: "arrow-go, from a heap slice", Lib: "arrow-go", Setup: func(e *harness.Env) (harness.Bench, error) {
		m := memory[T]{exported[T](e), value}
		s, path := m.heap(), filepath.Join(e.Disk, "exported")
		schema, err := arrowio.Schema[T]()
		return harness.Bench{
			Ops: len(s), Once: true, Close: func() error { return removed(path) },
			Reset: func() error { return removed(path) },
			Run: func(int) error {
				return into(path, true, func(f *os.File) error { return writeSlice(f, schema, s, build) })
			},
		}, err
	}}
}

func writeSlice[T any](f *os.File, schema *arrow.Schema, s []T, build func([]T) array.Builder) error {
	w, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{f}, parquet.NewWriterProperties(), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return err
	}
	for len(s) > 0 {
		n := min(len(s), 1<<20)
		b := build(s[:n])
		values := b.NewArray()
		b.Release()
		columns := []arrow.Array{values}
		if x, ok := values.(*array.Struct); ok {
			columns = columns[:0]
			for i := range x.NumField() {
				columns = append(columns, x.Field(i))
			}
		}
		record := array.NewRecordBatch(schema, columns, int64(n))
		err := w.Write(record)
		record.Release()
		values.Release()
		if err != nil {
			return err
		}
		s = s[n:]
	}
	return w.Close()
}

func buildRecs(s []Rec) array.Builder {
	field := func(name string) arrow.Field { return arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Uint64} }
	b := array.NewStructBuilder(arrowmemory.DefaultAllocator, arrow.StructOf(field("A"), field("B"), field("C"), field("D")))
	for _, x := range s {
		b.Append(true)
		for i, v := range [...]uint64{x.A, x.B, x.C, x.D} {
			b.FieldBuilder(i).(*array.Uint64Builder).Append(v)
		}
	}
	return b
}
