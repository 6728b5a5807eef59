package parquetio

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/arrowio/internal/roundtrip"
	"github.com/typedmem/typedmem/region"
)

func TestEveryTypeGoesThroughAFile(t *testing.T) {
	roundtrip.Types(t, func(t testing.TB, records array.RecordReader) array.RecordReader {
		var file bytes.Buffer
		check(t, write(&file, records, parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy))))
		schema := records.Schema()
		records.Release()
		back, err := open(bytes.NewReader(file.Bytes()), schema, 90)
		check(t, err)
		return back
	})
}

type tick struct {
	ID    uint64
	Price float64
}

func ticks(t testing.TB, n int) *region.Region[tick] {
	t.Helper()
	r, err := region.New[tick](n)
	check(t, err)
	t.Cleanup(func() { check(t, r.Close()) })
	for i := range n {
		r.Set(i, tick{uint64(i), float64(i) / 4})
	}
	return r
}

// A file is written in row groups, is not closed, and comes back by fewer columns than it has.
func TestWriteAndAppend(t *testing.T) {
	from := ticks(t, 1000)
	path := t.TempDir() + "/ticks.parquet"
	f, err := os.Create(path)
	check(t, err)
	check(t, Write(f, from.View(), parquet.WithMaxRowGroupLength(300)))
	check(t, f.Close()) // an error if Write had closed it
	f, err = os.Open(path)
	check(t, err)
	prices, err := region.New[struct{ Price float64 }](0)
	check(t, err)
	defer prices.Close()
	if n, err := Append(prices, f); n != 1000 || err != nil {
		t.Fatal(n, err)
	}
	for i, x := range prices.All() {
		if x.Price != from.At(i).Price {
			t.Fatalf("price %d is %v, want %v", i, x.Price, from.At(i).Price)
		}
	}
	reader, err := file.NewParquetReader(f)
	check(t, err)
	if reader.NumRowGroups() != 4 || reader.NumRows() != 1000 {
		t.Errorf("%d rows in %d groups, want 1000 in 4", reader.NumRows(), reader.NumRowGroups())
	}
	check(t, reader.Close())
}

func TestErrorsOfFiles(t *testing.T) {
	from := ticks(t, 10)
	full := errors.New("no space")
	if err := Write(failing{full}, from.View()); !errors.Is(err, full) {
		t.Errorf("writing to a full disk: %v", err)
	}
	var b bytes.Buffer
	check(t, Write(&b, from.View()))
	other, err := region.New[struct{ Price int64 }](0)
	check(t, err)
	defer other.Close()
	n, err := Append(other, bytes.NewReader(b.Bytes()))
	if n != 0 || !errors.Is(err, typedmem.ErrLayout) || !strings.Contains(err.Error(), "Price: the records have float64, the type has int64") {
		t.Errorf("another type: %d, %v", n, err)
	}
	if n, err := Append(other, strings.NewReader("no Parquet file")); n != 0 || err == nil {
		t.Errorf("no Parquet file: %d, %v", n, err)
	}
	atomics, err := region.New[atomic.Int64](1)
	check(t, err)
	defer atomics.Close()
	if err := Write(&b, atomics.View()); !errors.Is(err, typedmem.ErrType) {
		t.Errorf("a type without columns: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
