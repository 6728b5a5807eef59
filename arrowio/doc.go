// Package arrowio shows regions as Apache Arrow tables, and appends tables to regions. So SQL
// engines, Arrow Flight clients and Parquet files (package parquetio) read the memory of a
// [region.View] by Arrow's own types.
//
//	records, err := arrowio.NewReader(ticks.View(), 0) // an array.RecordReader
//	n, err := arrowio.Append(ticks, records)
//
// # Columns
//
// An element is a row. Each field of a struct is a column of the field's name, unexported and
// embedded fields included, and _ fields left out. A T that is no struct is one column, "value".
// No column has nulls.
//
//	type in Go                               type in Arrow
//	int8 to int64, uint8 to uint64, floats   the same
//	int, uint, uintptr                       the integer of the size that they have here
//	bool, region.Bool8                       bool
//	complex64, complex128                    fixed_size_list of 2 floats: real, imaginary
//	numbers of package endian                the number
//	slab.Handle, blob.Ref                    uint64
//	[n]byte                                  fixed_size_binary[n]
//	other arrays                             fixed_size_list
//	structs                                  struct
//	types of sync/atomic                     none: the type is refused
//
// # What is copied
//
// Where T is one scalar of the machine's byte order, or an array of one, batches show the memory
// itself. Then the rules of raw memory hold, as for [region.View.Slice]: the region has to stay
// open, and as long as it is, until every batch was released, or [NewPinnedReader] keeps it so. If
// another program cuts the file off, an engine that reads a batch faults. What a writer sets shows.
//
// A bool takes a bit in Arrow, and the fields of a struct lie apart in memory: these are copied, by
// checked accesses. An error or a fault ends the reader with an error. A batch that was copied is
// independent of the region.
//
// # DuckDB
//
// The view that duckdb-go v2.10506.0 (DuckDB 1.5.6) makes of any Arrow reader returns wrong rows,
// without an error, for a query that does not use all columns or has a condition. This prevents it:
//
//	SET disabled_optimizers = 'unused_columns,filter_pushdown'
//
// The example duckdb does so. Parquet files are not concerned.
//
// # Concurrency
//
// A reader belongs to one goroutine at a time. Batches may be read and released by any. What the
// package comment of region says about elements holds for a reader and for Append: goroutines that
// write the elements which a reader reads need synchronization.
package arrowio
