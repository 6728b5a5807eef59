package region_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/region"
)

// prices is a file of 100,000 prices for the examples.
func prices() (r *region.Region[float64], remove func()) {
	dir, err := os.MkdirTemp("", "prices")
	if err != nil {
		log.Fatal(err)
	}
	r, err = region.Create[float64](filepath.Join(dir, "prices.tm"), 100_000)
	if err != nil {
		log.Fatal(err)
	}
	for i := range r.Len() {
		r.Set(i, float64(i)/4)
	}
	return r, func() {
		if err := errors.Join(r.Close(), os.RemoveAll(dir)); err != nil {
			log.Fatal(err)
		}
	}
}

func ExampleView_Gather() {
	r, remove := prices()
	defer remove()
	candidates := []int{90_001, 5, 40_002, 5}
	dst := make([]float64, len(candidates))
	if err := r.View().Gather(dst, candidates); err != nil {
		log.Fatal(err)
	}
	fmt.Println(dst)

	err := r.View().Gather(dst, []int{100_000})
	fmt.Println(errors.Is(err, typedmem.ErrBounds))
	// Output:
	// [22500.25 1.25 10000.5 1.25]
	// true
}

func ExampleStrided_Gather() {
	r, remove := prices()
	defer remove()
	hundreds, err := r.View().Every(0, r.Len(), 100)
	if err != nil {
		log.Fatal(err)
	}
	dst := make([]float64, 2)
	fmt.Println(hundreds.Gather(dst, []int{999, 1}), dst)
	// Output: <nil> [24975 25]
}

func ExampleView_Stream() {
	r, remove := prices()
	defer remove()
	var sum float64
	parts := 0
	for part, err := range r.View().Stream(1 << 14) {
		if err != nil {
			log.Fatal(err)
		}
		parts++
		for _, price := range part.Slice() {
			sum += price
		}
	}
	fmt.Println(parts, "parts, sum", int(sum))
	// Output: 7 parts, sum 1249987500
}

// A scan that gives back what it has read, so that other data stays in memory.
func ExampleView_Stream_givesPagesBack() {
	r, remove := prices()
	defer remove()
	done := 0
	for part, err := range r.View().Stream(1 << 14) {
		if err != nil {
			log.Fatal(err)
		}
		bytes := part.Bytes().Len()
		if err := r.Mapping().Advise(done, done+bytes, flags.Cold); err != nil {
			log.Fatal(err)
		}
		done += bytes
	}
	fmt.Println(done, "bytes")
	// Output: 800000 bytes
}

func ExampleView_Prefault() {
	r, remove := prices()
	defer remove()
	v, err := r.Sub(1000, 3000)
	if err != nil {
		log.Fatal(err)
	}
	if err := v.Prefetch(); err != nil { // other work may follow
		log.Fatal(err)
	}
	if err := v.Prefault(); err != nil {
		log.Fatal(err)
	}
	bytes, err := v.Resident()
	fmt.Println(err != nil || bytes == 16_000)
	// Output: true
}

func ExampleRows_Gather() {
	r, remove := prices()
	defer remove()
	days, err := region.RowsOf(r.View(), 4)
	if err != nil {
		log.Fatal(err)
	}
	dst := make([]float64, 2*4)
	fmt.Println(days.Gather(dst, []int{1000, 2}), dst)
	// Output: <nil> [1000 1000.25 1000.5 1000.75 2 2.25 2.5 2.75]
}
