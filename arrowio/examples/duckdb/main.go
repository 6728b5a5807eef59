//go:build cgo && duckdb_arrow

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/typedmem/typedmem/arrowio"
	"github.com/typedmem/typedmem/region"
)

// Trade is what the region file holds.
type Trade struct {
	ID    uint64
	Price float64
	Qty   uint32
	Venue [4]byte
}

func main() {
	if len(os.Args) < 2 || len(os.Args) > 3 {
		fmt.Fprintln(os.Stderr, "usage: duckdb FILE [SQL]")
		os.Exit(2)
	}
	sql := `SELECT "Venue"::VARCHAR AS venue, count(*) AS trades, sum("Price" * "Qty") / sum("Qty") AS vwap
		FROM trades GROUP BY venue ORDER BY venue`
	if len(os.Args) == 3 {
		sql = os.Args[2]
	}
	if err := run(os.Args[1], sql, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "duckdb:", err)
		os.Exit(1)
	}
}

func run(path, sql string, w io.Writer) error {
	trades, err := openOrMake(path, 1_000_000)
	if err != nil {
		return err
	}
	records, err := arrowio.NewReader(trades.View(), 0)
	if err == nil {
		err = query(records, "trades", sql, func(result array.RecordReader) error { return printRows(w, result) })
		records.Release()
	}
	return errors.Join(err, trades.Close())
}

func openOrMake(path string, n int) (*region.Region[Trade], error) {
	trades, err := region.Open[Trade](path)
	if !errors.Is(err, fs.ErrNotExist) {
		return trades, err
	}
	if trades, err = region.Create[Trade](path, n); err != nil {
		return nil, err
	}
	venues := [][4]byte{{'A', 'M', 'S', ' '}, {'L', 'O', 'N', ' '}, {'N', 'Y', 'C', ' '}}
	for i := range n {
		trades.Set(i, Trade{uint64(i), 100 + float64(i%1000)/8, uint32(1 + i%7), venues[i%len(venues)]})
	}
	return trades, trades.Sync()
}

func printRows(w io.Writer, result array.RecordReader) error {
	for _, f := range result.Schema().Fields() {
		fmt.Fprintf(w, "%s\t", f.Name)
	}
	fmt.Fprintln(w)
	for result.Next() {
		batch := result.RecordBatch()
		for i := range int(batch.NumRows()) {
			for _, column := range batch.Columns() {
				fmt.Fprintf(w, "%s\t", column.ValueStr(i))
			}
			fmt.Fprintln(w)
		}
	}
	return nil
}
