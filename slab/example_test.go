package slab_test

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/slab"
)

type order struct {
	ID  int64
	Qty int64
}

func ExampleSlab_Update() {
	orders, err := slab.New[order](1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer orders.Close()
	h, err := orders.Insert(order{ID: 7, Qty: 100})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = orders.Update(h, func(o *order) { o.Qty -= 10 })
	o, loadErr := orders.Load(h)
	fmt.Println(o.Qty, err, loadErr)
	// Output: 90 <nil> <nil>
}

func ExampleSlab_Values() {
	orders, err := slab.New[order](1000)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer orders.Close()
	for i := range 4 {
		if _, err := orders.Insert(order{ID: int64(i), Qty: 5}); err != nil {
			fmt.Println(err)
			return
		}
	}
	var total int64
	for h, o := range orders.Values() { // whole copies, beside any Store
		if total += o.Qty; o.ID == 3 {
			_ = orders.Free(h)
		}
	}
	fmt.Println(total, orders.Len())
	// Output: 20 3
}

// A handle is part of any value that is encoded, and means the same object when it comes back.
func ExampleHandle_MarshalText() {
	type request struct {
		Order slab.Handle[order]
		Next  slab.Handle[order] `json:",omitzero"`
	}
	text, err := json.Marshal(request{Order: slab.HandleFrom[order](0x1b2c3d4500000007)})
	fmt.Println(string(text), err)
	var back request
	err = json.Unmarshal(text, &back)
	fmt.Println(back.Order, back.Next.IsZero(), err)
	// Output:
	// {"Order":"1b2c3d4500000007"} <nil>
	// 1b2c3d4500000007 true <nil>
}

// OpenFile makes the file at the first start, and finds it at every other one.
func ExampleOpenFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for range 3 {
		s, err := slab.OpenFile[[2]uint64](filepath.Join(dir, "pairs.tm"), slab.FileOptions{Write: true, Create: true, Capacity: 1000})
		if err != nil {
			log.Fatal(err)
		}
		_, err = s.Insert([2]uint64{1, 2})
		fmt.Println(err, s.Len(), s.Close())
	}
	// Output:
	// <nil> 1 <nil>
	// <nil> 2 <nil>
	// <nil> 3 <nil>
}
