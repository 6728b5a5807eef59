package region_test

import (
	"fmt"
	"log"

	"github.com/typedmem/typedmem/region"
)

// A file of vectors keeps their width. Nobody can append a part of one.
func ExampleRegion_Rows() {
	path, remove := temporary("vectors.tm")
	defer remove()
	r, err := region.OpenFile[float32](path, region.FileOptions{Write: true, Create: true, Width: 3})
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	if err := r.Append(1, 2, 3, 4, 5, 6); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Append(7, 8))
	for i, row := range r.Rows().All() {
		fmt.Println(i, row.Slice())
	}
	// Output:
	// typedmem: append: 2 elements are no whole number of rows of 3, but 3 is: out of bounds
	// 0 [1 2 3]
	// 1 [4 5 6]
}

func ExampleRowsOf() {
	r, err := region.New[byte](12)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	image, err := region.RowsOf(r.View(), 4)
	if err != nil {
		log.Fatal(err)
	}
	image.Set(1, 2, 7)
	image.Row(2).Fill(1)
	image.Col(0).Fill(9)
	fmt.Println(image.Len(), "rows of", image.Width())
	fmt.Println(r.Slice())
	// Output:
	// 3 rows of 4
	// [9 0 0 0 9 0 7 0 9 1 1 1]
}

// Only whole rows have a place, and an element outside is refused by its row or by its column.
func ExampleRows_Load() {
	r, err := region.New[int32](6)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	rows, err := region.RowsOf(r.View(), 3)
	if err != nil {
		log.Fatal(err)
	}
	_, err = rows.Load(2, 0)
	fmt.Println(err)
	_, err = rows.Load(0, 3)
	fmt.Println(err)
	// Output:
	// typedmem: load: row 2 out of range with 2 rows: out of bounds
	// typedmem: load: element 3 out of range in rows of 3: out of bounds
}

type side struct {
	Price float64
	Qty   uint64
}

type quote struct {
	Time   uint64
	Bid    side
	Levels [4]side
}

func ExampleFieldByName() {
	r, err := region.New[quote](3)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	r.Set(1, quote{Time: 7, Bid: side{Price: 10.5}, Levels: [4]side{3: {Qty: 200}}})
	prices, err := region.FieldByName[float64](r.View(), "Bid.Price")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(prices.At(1))
	quantities, err := region.FieldByName[uint64](r.View(), "Levels[3].Qty")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(quantities.At(1))
	_, err = region.FieldByName[float32](r.View(), "Bid.Price")
	fmt.Println(err)
	// Output:
	// 10.5
	// 200
	// typedmem: field by name: Bid.Price of region_test.quote is float64, not float32
}
