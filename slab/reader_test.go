package slab_test

import (
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// A reader sees objects that are inserted and freed as a whole, or not, while their slots go from
// one to the next.
func TestReadersSeeWholeObjects(t *testing.T) {
	type object [64]uint64
	path := filepath.Join(testkit.FastDir(t), "s")
	w := testkit.Must(slab.Create[object](path, 200))(t)
	defer w.Close()
	for range 200 { // a reader follows the writer to slots that are in use
		testkit.Must(w.Alloc())(t)
	}
	r := testkit.Must(slab.Open[object](path))(t)
	defer r.Close()
	for h := range w.All() {
		if err := w.Free(h); err != nil {
			t.Fatal(err)
		}
	}
	var stop atomic.Bool
	whole := make(chan int)
	go func() {
		n := 0
		for !stop.Load() {
			for h := range r.All() {
				x, err := r.Load(h)
				if err != nil {
					if !errors.Is(err, slab.ErrStale) {
						t.Error(err)
					}
					continue
				}
				for _, y := range x {
					if y != x[0] {
						t.Errorf("a mixture of objects %d and %d", x[0], y)
						break
					}
				}
				n++
			}
		}
		whole <- n
	}()
	for i := range uint64(max(1, rounds(40000))) {
		var x object
		for j := range x {
			x[j] = i
		}
		h, err := w.Insert(x)
		if err == nil {
			err = w.Free(h)
		}
		if err != nil {
			t.Error(err)
			break
		}
	}
	stop.Store(true)
	t.Log(<-whole, "objects were read")
}
