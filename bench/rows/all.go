// Package rows lists what is measured and against whom.
package rows

import "github.com/typedmem/typedmem/bench/harness"

// All returns every row, in the order of the table. A new row goes into the file of its kind, a new
// kind is added here.
func All() []harness.Row {
	var all []harness.Row
	for _, some := range [][]harness.Row{
		accessRows(), stridedRows(), vectorRows(), endianRows(), appendRows(), openRows(), saveRows(), areaRows(), guardRows(), closeRows(),
		slabRows(), stringRows(), exportRows(),
	} {
		all = append(all, some...)
	}
	return all
}
