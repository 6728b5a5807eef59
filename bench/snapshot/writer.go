package main

import (
	"fmt"
	"time"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/region"
)

// element is what the file holds. Each one follows from its index.
type element [8]uint64

func elementAt(i int) (e element) {
	for j := range e {
		e[j] = (uint64(i) + uint64(j)) * 0x9e3779b97f4a7c15
	}
	return e
}

// batch is how many elements an Append adds: 4 KiB.
const batch = 64

// fill appends until the region has n elements.
func fill(r *region.Region[element], n int) error {
	xs := make([]element, 0, 1<<14)
	for at := r.Len(); at < n; at += len(xs) {
		xs = xs[:min(cap(xs), n-at)]
		for i := range xs {
			xs[i] = elementAt(at + i)
		}
		if err := r.Append(xs...); err != nil {
			return err
		}
	}
	return nil
}

// whole returns an error if an element is not what belongs at its index.
func whole(v region.View[element]) error {
	for i, e := range v.All() {
		if e != elementAt(i) {
			return fmt.Errorf("element %d of %d is %x", i, v.Len(), e)
		}
	}
	return nil
}

// writer appends until it is stopped.
type writer struct {
	stop chan struct{}
	done chan error
	took []float64 // by each Append, nanoseconds
}

// startWriter has a goroutine append a batch, and rest, again and again.
func startWriter(r *region.Region[element], rest time.Duration) *writer {
	w := &writer{stop: make(chan struct{}), done: make(chan error, 1), took: make([]float64, 0, 1<<20)}
	go func() { w.done <- w.run(r, rest) }()
	return w
}

func (w *writer) run(r *region.Region[element], rest time.Duration) error {
	var xs [batch]element
	for {
		select {
		case <-w.stop:
			return nil
		default:
		}
		for i := range xs {
			xs[i] = elementAt(r.Len() + i)
		}
		begin := time.Now()
		if err := r.Append(xs[:]...); err != nil {
			return err
		}
		w.took = append(w.took, float64(time.Since(begin)))
		harness.Rest(rest)
	}
}

// end stops the goroutine and returns what each Append took.
func (w *writer) end() ([]float64, error) {
	close(w.stop)
	err := <-w.done
	return w.took, err
}
