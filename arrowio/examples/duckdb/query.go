//go:build cgo && duckdb_arrow

// Duckdb runs SQL over a region file of trades, in DuckDB's own engine, without an import. It makes
// a file of a million trades if there is none. From the folder arrowio:
//
//	go run -tags duckdb_arrow ./examples/duckdb trades.tm
//	go run -tags duckdb_arrow ./examples/duckdb trades.tm 'SELECT max("Price") FROM trades'
//
// The table has the name trades, and may be read once in a query.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/duckdb/duckdb-go/v2"
)

// query runs SQL over records, which are the table of a name, and calls use with the result. The
// records can be read once, so the SQL names the table once.
func query(records array.RecordReader, table, sql string, use func(array.RecordReader) error) (err error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connector.Close()) }()
	conn, err := connector.Connect(context.Background())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	engine, err := duckdb.NewArrowFromConn(conn)
	if err != nil {
		return err
	}
	if records != nil {
		// DuckDB 1.5.6 leaves unused columns and simple conditions to the producer of a view, which
		// its Go module does not tell of them. So it would read the wrong columns, and all rows,
		// without an error.
		if err := setting(engine, "disabled_optimizers = 'unused_columns,filter_pushdown'"); err != nil {
			return err
		}
		release, err := engine.RegisterView(records, table)
		if err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
		defer release()
	}
	result, err := engine.QueryContext(context.Background(), sql)
	if err != nil {
		return err
	}
	defer result.Release()
	if err := use(result); err != nil {
		return err
	}
	return result.Err()
}

func setting(engine *duckdb.Arrow, text string) error {
	result, err := engine.QueryContext(context.Background(), "SET "+text)
	if err == nil {
		result.Release()
	}
	return err
}
