//go:build !cgo || !duckdb_arrow

// Duckdb runs SQL over a region file; it needs cgo and the build tag duckdb_arrow.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "duckdb: build this with cgo and -tags duckdb_arrow")
	os.Exit(2)
}
