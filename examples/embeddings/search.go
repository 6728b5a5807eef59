package main

import (
	"sync"

	"github.com/typedmem/typedmem"
)

// rank returns the k of these vectors that are nearest to q.
type rank func(v vectors, q []float32, ids []int, k int) ([]Hit, error)

// The two ways to read the candidates of a query.
var ways = map[string]rank{"gather": rankGathered, "loop": rankInPlace}

// buffers are slices for gathered vectors.
var buffers = sync.Pool{New: func() any { return new([]float32) }}

// rankGathered copies the candidates. Pages that are not in memory are fetched together, while
// other goroutines run. A page that cannot be read is an error.
func rankGathered(v vectors, q []float32, ids []int, k int) ([]Hit, error) {
	buffer := buffers.Get().(*[]float32)
	defer buffers.Put(buffer)
	n := len(ids) * v.rows.Width()
	if cap(*buffer) < n {
		*buffer = make([]float32, n)
	}
	rows := (*buffer)[:n]
	if err := v.rows.Gather(rows, ids); err != nil {
		return nil, err
	}
	best := nearest(q, rows, k)
	for i := range best {
		best[i].ID = ids[best[i].ID]
	}
	return best, nil
}

// rankInPlace reads the candidates where they are. Each page that is not in memory is a page fault:
// it stops a thread, and with it one of GOMAXPROCS processors, until the page is there.
func rankInPlace(v vectors, q []float32, ids []int, k int) ([]Hit, error) {
	best := make(hits, 0, k+1)
	err := typedmem.Guard(func() error {
		for _, i := range ids {
			best = best.with(Hit{i, distance(q, v.rows.Row(i).Slice())}, k)
		}
		return nil
	})
	return best, err
}
