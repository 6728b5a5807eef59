package main

import (
	"cmp"
	"container/heap"
	"fmt"
	"io"
	"slices"

	"github.com/typedmem/typedmem/region"
)

// found is a line and its length.
type found struct {
	line   int
	length uint32
}

// shortestFirst keeps the longest lines so far, the shortest of them on top.
type shortestFirst []found

func (h shortestFirst) Len() int { return len(h) }
func (h shortestFirst) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].length, h[j].length), cmp.Compare(h[j].line, h[i].line)) < 0
}
func (h shortestFirst) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *shortestFirst) Push(x any)   { *h = append(*h, x.(found)) }
func (h *shortestFirst) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// longest finds the k longest lines, longest first, by walking the column of lengths.
func (x *index) longest(k int) ([]found, error) {
	lengths, err := region.FieldByName[uint32](x.lines.View(), "Length")
	if err != nil {
		return nil, err
	}
	var best shortestFirst
	for i, n := range lengths.All() {
		if len(best) < k {
			heap.Push(&best, found{i, n})
		} else if n > best[0].length {
			best[0] = found{i, n}
			heap.Fix(&best, 0)
		}
	}
	slices.SortFunc(best, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.length, a.length), cmp.Compare(a.line, b.line))
	})
	return best, nil
}

func (x *index) printLongest(k int, out io.Writer) error {
	best, err := x.longest(k)
	if err != nil {
		return err
	}
	for _, b := range best {
		rec, path, err := x.file(x.lines.At(b.line))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%8d bytes  %s:%d  (line %d of the index)\n", b.length, path, b.line-int(rec.FirstLine)+1, b.line+1); err != nil {
			return err
		}
	}
	return nil
}
