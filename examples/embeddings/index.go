package main

import (
	"cmp"
	"slices"
)

// index is a coarse index in memory: each vector is in the list of the centre that is nearest.
type index struct {
	width   int // numbers in a vector
	centres []float32
	lists   [][]int // vectors by their row
}

// newIndex makes an index of up to n lists. The centres are vectors at equal distances in the file.
func newIndex(v vectors, n int) (*index, error) {
	n = min(n, v.rows.Len())
	ids := make([]int, n)
	for c := range ids {
		ids[c] = c * (v.rows.Len() / n)
	}
	width := v.rows.Width()
	x := &index{width, make([]float32, n*width), make([][]int, n)}
	if err := v.rows.Gather(x.centres, ids); err != nil {
		return nil, err
	}
	i := 0
	for part, err := range v.rows.Flat().Stream(1024 * width) { // reads ahead, and has no faults
		if err != nil {
			return nil, err
		}
		for row := range slices.Chunk(part.Slice(), width) {
			c := nearest(row, x.centres, 1)[0].ID
			x.lists[c] = append(x.lists[c], i)
			i++
		}
	}
	return x, nil
}

// centre returns the vector that list c is made around.
func (x *index) centre(c int) []float32 { return x.centres[c*x.width:][:x.width] }

// candidates returns the vectors in the lists of the probe centres nearest to q, in ascending
// order.
func (x *index) candidates(q []float32, probe int) []int {
	var all []int
	for _, c := range nearest(q, x.centres, probe) {
		all = append(all, x.lists[c.ID]...)
	}
	slices.Sort(all)
	return all
}

// Hit is a vector that was found.
type Hit struct {
	ID       int     `json:"id"`
	Distance float32 `json:"distance"` // squared
}

// nearest returns the k rows nearest to q, the nearest first. Their IDs count from 0.
func nearest(q, rows []float32, k int) []Hit {
	best := make(hits, 0, min(k, len(rows)/len(q))+1)
	i := 0
	for row := range slices.Chunk(rows, len(q)) {
		best = best.with(Hit{i, distance(q, row)}, k)
		i++
	}
	return best
}

// hits are in ascending order.
type hits []Hit

// with adds h, and keeps the k nearest.
func (s hits) with(h Hit, k int) hits {
	if len(s) == k && compare(h, s[k-1]) >= 0 {
		return s
	}
	at, _ := slices.BinarySearchFunc(s, h, compare)
	s = slices.Insert(s, at, h)
	return s[:min(len(s), k)]
}

func compare(a, b Hit) int {
	return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(a.ID, b.ID))
}

func distance(a, b []float32) (sum float32) {
	b = b[:len(a)]
	for i, x := range a {
		d := x - b[i]
		sum += d * d
	}
	return sum
}
