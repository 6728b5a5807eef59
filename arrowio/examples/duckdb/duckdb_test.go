//go:build cgo && duckdb_arrow

package main

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/typedmem/typedmem/arrowio"
	"github.com/typedmem/typedmem/arrowio/internal/roundtrip"
	"github.com/typedmem/typedmem/arrowio/parquetio"
	"github.com/typedmem/typedmem/region"
)

// DuckDB reads each type, and gives it back as it was.
func TestEveryTypeGoesThroughDuckDB(t *testing.T) {
	roundtrip.Types(t, func(t testing.TB, records array.RecordReader) array.RecordReader {
		defer records.Release()
		return collect(t, records, "SELECT * FROM data")
	})
}

// collect runs a query and keeps the result.
func collect(t testing.TB, records array.RecordReader, sql string) array.RecordReader {
	t.Helper()
	var batches []arrow.RecordBatch
	var schema *arrow.Schema
	check(t, query(records, "data", sql, func(result array.RecordReader) error {
		schema = result.Schema()
		for result.Next() {
			batch := result.RecordBatch()
			batch.Retain()
			batches = append(batches, batch)
		}
		return nil
	}))
	back, err := array.NewRecordReader(schema, batches)
	check(t, err)
	for _, b := range batches {
		b.Release()
	}
	return back
}

// sums is a row of the results.
type sums struct {
	Venue int64
	Rows  int64
	Qty   int64
	Most  float64
}

type order struct {
	ID    uint64
	Price float64
	Qty   uint32
	Venue uint8
	Open  region.Bool8
	Depth [2]int16
	_     [2]byte
	Bid   struct{ Low, High float32 }
	_     [4]byte
}

const bySQL = `SELECT "Venue"::BIGINT AS "Venue", count(*)::BIGINT AS "Rows", sum("Qty" * "Depth"[2])::BIGINT AS "Qty", max("Price" + "Bid"."High") AS "Most" FROM `

const grouped = ` WHERE "Open" GROUP BY 1 ORDER BY 1`

// byLoop is what the query computes.
func byLoop(v region.View[order]) (results []sums) {
	var venues [256]sums
	for x := range v.Values() {
		if !x.Open.Get() {
			continue
		}
		s := &venues[x.Venue]
		if most := x.Price + float64(x.Bid.High); s.Rows == 0 || most > s.Most {
			s.Most = most
		}
		s.Venue = int64(x.Venue)
		s.Rows++
		s.Qty += int64(x.Qty) * int64(x.Depth[1])
	}
	for _, s := range venues {
		if s.Rows > 0 {
			results = append(results, s)
		}
	}
	return results
}

// DuckDB computes over the memory of a region file, and over a Parquet file made from it, what a
// plain loop computes.
func TestSQLAgreesWithALoop(t *testing.T) {
	path := t.TempDir() + "/orders"
	orders, err := region.Create[order](path, 200_000)
	check(t, err)
	defer orders.Close()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range orders.Len() {
		x := order{ID: uint64(i), Price: r.Float64(), Qty: r.Uint32N(1000), Venue: uint8(r.IntN(40)), Depth: [2]int16{1, int16(r.IntN(200) - 100)}}
		x.Open.Set(r.IntN(3) > 0)
		x.Bid.High = r.Float32()
		orders.Set(i, x)
	}
	want := byLoop(orders.View())
	if len(want) != 40 {
		t.Fatalf("%d venues", len(want))
	}
	records, err := arrowio.NewReader(orders.View(), 3000)
	check(t, err)
	defer records.Release()
	compare(t, "the records", collect(t, records, bySQL+"data"+grouped), want)

	f, err := os.Create(path + ".parquet")
	check(t, err)
	check(t, parquetio.Write(f, orders.View()))
	check(t, f.Close())
	compare(t, "the Parquet file", collect(t, nil, bySQL+"'"+path+".parquet'"+grouped), want)
}

// A column is computed over without a copy.
func TestSQLOverScalars(t *testing.T) {
	numbers, err := region.New[float64](100_000)
	check(t, err)
	defer numbers.Close()
	most := 0.0
	for i := range numbers.Len() {
		x := float64(i*7919%100_003) / 3
		numbers.Set(i, x)
		most = max(most, x)
	}
	records, err := arrowio.NewPinnedReader(numbers, 0)
	check(t, err)
	result := collect(t, records, `SELECT max(value) AS m FROM data`)
	records.Release()
	got, err := region.New[float64](0)
	check(t, err)
	defer got.Close()
	if _, err := arrowio.Append(got, result); err != nil || got.Len() != 1 || got.At(0) != most {
		t.Errorf("%v, %v, want %v", got.Slice(), err, most)
	}
}

// compare appends a result to a region, and compares that with a loop's.
func compare(t *testing.T, what string, result array.RecordReader, want []sums) {
	t.Helper()
	defer result.Release()
	got, err := region.New[sums](0)
	check(t, err)
	defer got.Close()
	_, err = arrowio.Append(got, result)
	check(t, err)
	if got.Len() != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, got.Len(), len(want))
	}
	for i, x := range got.All() {
		if x != want[i] {
			t.Errorf("%s: row %d is %v, want %v", what, i, x, want[i])
		}
	}
}

func TestTheExampleRuns(t *testing.T) {
	path := t.TempDir() + "/trades"
	trades, err := openOrMake(path, 3000)
	check(t, err)
	check(t, trades.Close())
	var b strings.Builder
	check(t, run(path, `SELECT "Venue"::VARCHAR AS venue, count(*) AS n FROM trades WHERE "Qty" < 7 GROUP BY venue ORDER BY venue`, &b))
	if got, want := b.String(), "venue\tn\t\nAMS \t857\t\nLON \t857\t\nNYC \t858\t\n"; got != want {
		t.Errorf("the example prints %q, want %q", got, want)
	}
	if err := run(path, "SELECT nothing FROM trades", &b); err == nil {
		t.Error("no error for a column that is not there")
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
