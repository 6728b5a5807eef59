package arrowio_test

import (
	"fmt"
	"log"

	"github.com/typedmem/typedmem/arrowio"
	"github.com/typedmem/typedmem/region"
)

// Fix is where something was.
type Fix struct {
	Time     int64
	Position [2]float32
	Valid    region.Bool8
	_        [7]byte
}

func ExampleSchema() {
	schema, err := arrowio.Schema[Fix]()
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range schema.Fields() {
		fmt.Println(f.Name, f.Type)
	}
	// Output:
	// Time int64
	// Position fixed_size_list<item: float32>[2]
	// Valid bool
}

func ExampleNewReader() {
	fixes, err := region.New[Fix](0)
	if err != nil {
		log.Fatal(err)
	}
	defer fixes.Close()
	for i := range 5 {
		if err := fixes.Append(Fix{Time: int64(i), Position: [2]float32{1, float32(i)}}); err != nil {
			log.Fatal(err)
		}
	}
	records, err := arrowio.NewReader(fixes.View(), 3)
	if err != nil {
		log.Fatal(err)
	}
	defer records.Release()
	for records.Next() {
		batch := records.RecordBatch()
		fmt.Println(batch.NumRows(), "rows", batch.Column(0), batch.Column(1))
	}
	fmt.Println(records.Err())
	// Output:
	// 3 rows [0 1 2] [[1 0] [1 1] [1 2]]
	// 2 rows [3 4] [[1 3] [1 4]]
	// <nil>
}

// The pin of a reader keeps the region open as long as a batch shows its memory.
func ExampleNewPinnedReader() {
	prices, err := region.New[float64](3)
	if err != nil {
		log.Fatal(err)
	}
	records, err := arrowio.NewPinnedReader(prices, 0)
	if err != nil {
		log.Fatal(err)
	}
	for records.Next() {
		fmt.Println(records.RecordBatch().Column(0))
	}
	fmt.Println(prices.Close() == nil)
	records.Release()
	fmt.Println(prices.Close() == nil)
	// Output:
	// [0 0 0]
	// false
	// true
}

// A table fills a region of another type by the names of its columns.
func ExampleAppend() {
	fixes, err := region.New[Fix](0)
	if err != nil {
		log.Fatal(err)
	}
	defer fixes.Close()
	if err := fixes.Append(Fix{Time: 7}, Fix{Time: 9}); err != nil {
		log.Fatal(err)
	}
	records, err := arrowio.NewReader(fixes.View(), 0)
	if err != nil {
		log.Fatal(err)
	}
	defer records.Release()
	times, err := region.New[struct{ Time int64 }](0)
	if err != nil {
		log.Fatal(err)
	}
	defer times.Close()
	n, err := arrowio.Append(times, records)
	fmt.Println(n, err, times.Slice())

	type speed struct{ Time, Speed float64 }
	speeds, err := region.New[speed](0)
	if err != nil {
		log.Fatal(err)
	}
	defer speeds.Close()
	_, err = arrowio.Append(speeds, records)
	fmt.Println(err)
	// Output:
	// 2 <nil> [{7} {9}]
	// typedmem: append arrow records: records do not fit arrowio_test.speed: columns differ
	// 	Time: the records have int64, the type has float64
	// 	Speed: the records have no such column, the type has float64
}
