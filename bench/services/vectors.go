package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"
)

// vectorStore holds vectors of vectorWidth numbers.
type vectorStore interface {
	Append(rows []float32) error // whole vectors
	Save() error
	Len() int // in vectors
	Row(i int) []float32
	Gather(dst []float32, rows []int) error
	Close() error
}

const (
	vectorWidth   = 384
	vectorBatch   = 1000
	vectorQueries = 10
	vectorGather  = 10_000
)

func embeddings() service {
	return service{
		name:   "embeddings",
		title:  "Embeddings: 384 float32 a row, save, load in a new process, 10 searches for the best 5 by 2 goroutines, gather 10,000 rows",
		rows:   200_000,
		phases: []string{"append", "save", restart, "search", "gather"},
		judged: [][]string{{"append", "save"}, {restart}, {"search"}, {"gather"}},
		input:  writeVectors,
		expect: expectVectors,
		contenders: []contender{
			vectorContender(contender{name: ours}, openVectorsTypedmem),
			vectorContender(contender{name: "[][]T + gob", heap: true, loads: true}, openVectorsGob),
			{name: "NumPy memmap", script: numpyScript},
			vectorContender(contender{name: "arrow-go IPC", heap: true, loads: true}, openVectorsArrow),
			vectorContender(contender{name: "arrow-go IPC, mapped"}, openVectorsArrowMapped),
		},
	}
}

// vectorContender is the service over the store that open returns.
func vectorContender(c contender, open func(dir string, create bool) (vectorStore, error)) contender {
	return over(c, func(dir string, _ int, create bool) (vectorStore, error) { return open(dir, create) },
		writeVectorStore, firstVector, readVectors)
}

func writeVectorStore(p *process, s vectorStore) error {
	return errors.Join(
		p.phase("append", func() error { return eachBatch(p.Input, s.Append) }),
		p.phase("save", s.Save))
}

func firstVector(p *process, s vectorStore) error {
	row := make([]float32, vectorWidth)
	err := s.Gather(row, gathered(p.Rows)[:1])
	p.result("first row", sumOfBits(row))
	return err
}

func readVectors(p *process, s vectorStore) error {
	return errors.Join(
		p.phase("search", func() error {
			var best []int
			for _, i := range queries(p.Rows) {
				best = append(best, bestFive(s, s.Row(i))...)
			}
			p.result("best", best)
			return nil
		}),
		p.phase("gather", func() error {
			var sum uint64
			dst := make([]float32, vectorBatch*vectorWidth)
			for part := range slices.Chunk(gathered(p.Rows), vectorBatch) {
				to := dst[:len(part)*vectorWidth]
				if err := s.Gather(to, part); err != nil {
					return err
				}
				sum += sumOfBits(to)
			}
			p.result("gather", sum)
			return nil
		}))
}

// queries are the numbers of the vectors that others are compared with.
func queries(rows int) []int { return someRows(vectorQueries, 1<<32, rows) }

// gathered are the numbers of the vectors to gather.
func gathered(rows int) []int { return someRows(vectorGather, 1<<33, rows) }

func someRows(n int, salt uint64, rows int) []int {
	ids := make([]int, n)
	for i := range ids {
		ids[i] = int(mix(salt+uint64(i)) % uint64(rows))
	}
	return ids
}

func sumOfBits(xs []float32) (sum uint64) {
	for _, x := range xs {
		sum += uint64(math.Float32bits(x))
	}
	return sum
}

// scored is a vector and its product with the query.
type scored struct {
	row   int
	score float32
}

// bestFive returns the vectors with the greatest products with q, the best first. Two goroutines
// look at a half each.
func bestFive(s vectorStore, q []float32) []int {
	n := s.Len()
	var halves [2][]scored
	var wg sync.WaitGroup
	for h := range halves {
		wg.Go(func() {
			var top []scored
			for i := h * n / 2; i < (h+1)*n/2; i++ {
				top = keepFive(top, scored{i, dot(s.Row(i), q)})
			}
			halves[h] = top
		})
	}
	wg.Wait()
	top := halves[0]
	for _, x := range halves[1] {
		top = keepFive(top, x)
	}
	return rowsOf(top)
}

// keepFive puts x among the best five, in order.
func keepFive(top []scored, x scored) []scored {
	if len(top) == 5 && x.score <= top[4].score {
		return top
	}
	at, _ := slices.BinarySearchFunc(top, x, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	top = slices.Insert(top, at, x)
	return top[:min(len(top), 5)]
}

func rowsOf(top []scored) []int {
	ids := make([]int, len(top))
	for i, x := range top {
		ids[i] = x.row
	}
	return ids
}

func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	return s0 + s1 + s2 + s3
}

// writeVectors writes the input: numbers from -1 to 1 that look random.
func writeVectors(path string, rows int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return closing(f, func() error {
		row := make([]float32, vectorWidth)
		w := bufio.NewWriterSize(f, 1<<20)
		for i := range rows {
			for j := range row {
				row[j] = float32(int32(mix(uint64(i*vectorWidth+j))>>40)-1<<23) / (1 << 23)
			}
			if _, err := w.Write(bytesOf(row)); err != nil {
				return err
			}
		}
		return w.Flush()
	})
}

// eachBatch calls f with the input, some rows at a time.
func eachBatch(path string, f func([]float32) error) error {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	return closing(in, func() error {
		batch := make([]float32, vectorBatch*vectorWidth)
		for {
			n, err := io.ReadFull(in, bytesOf(batch))
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				return err
			}
			if err := f(batch[:n/4]); err != nil {
				return err
			}
		}
	})
}

// expectVectors finds the results from the input, with products in float64.
func expectVectors(rows int, input string) (map[string]string, error) {
	all := make([]float32, 0, rows*vectorWidth)
	err := eachBatch(input, func(batch []float32) error {
		all = append(all, batch...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	row := func(i int) []float32 { return all[i*vectorWidth : (i+1)*vectorWidth] }
	var best []int
	for _, q := range queries(rows) {
		products := make([]float64, rows)
		ids := make([]int, rows)
		for i := range ids {
			ids[i] = i
			for j, x := range row(i) {
				products[i] += float64(x) * float64(row(q)[j])
			}
		}
		slices.SortFunc(ids, func(a, b int) int { return cmp.Compare(products[b], products[a]) })
		best = append(best, ids[:5]...)
	}
	var sum uint64
	ids := gathered(rows)
	for _, i := range ids {
		sum += sumOfBits(row(i))
	}
	return map[string]string{
		"first row": fmt.Sprint(sumOfBits(row(ids[0]))),
		"best":      fmt.Sprint(best),
		"gather":    fmt.Sprint(sum),
	}, nil
}
