package rows

import (
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/region"
)

// vectorWidth is that of common embeddings.
const vectorWidth = 384

func vectorOf(i int) float32 { return float32(i%1000) / 1000 }

//go:noinline
func dot(a, b []float32) (sum float32) {
	b = b[:len(a)]
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

//go:noinline
func dotView(a region.View[float32], b []float32) (sum float32) {
	for i, y := range b {
		sum += a.At(i) * y
	}
	return sum
}

//go:noinline
func dotAt(r region.Rows[float32], i int, b []float32) (sum float32) {
	for j, y := range b {
		sum += r.At(i, j) * y
	}
	return sum
}

// dotGonum is the dot product in the assembly of gonum.
func dotGonum(a, b []float32) float32 {
	return blas32.Dot(blas32.Vector{N: len(a), Inc: 1, Data: a}, blas32.Vector{N: len(b), Inc: 1, Data: b})
}

// sumRows adds up the products of the query with every row of n.
func sumRows(n int, product func(i int) float32) func(int) error {
	return func(int) error {
		var sum float32
		for i := range n {
			sum += product(i)
		}
		sinkFloat += float64(sum)
		return nil
	}
}

func vectorRows() []harness.Row {
	mem := sized(200_000*vectorWidth*4, 20_000*vectorWidth*4, vectorOf)
	query := make([]float32, vectorWidth)
	for i := range query {
		query[i] = vectorOf(i * 7)
	}
	onHeap := func(product func(a, b []float32) float32) func(*harness.Env) (harness.Bench, error) {
		return func(e *harness.Env) (harness.Bench, error) {
			m := mem(e)
			rows, err := harness.Keep(e, "heap rows", func() ([][]float32, func() error, error) {
				rows := make([][]float32, m.n/vectorWidth)
				for i := range rows {
					rows[i] = make([]float32, vectorWidth)
					for j := range rows[i] {
						rows[i][j] = vectorOf(i*vectorWidth + j)
					}
				}
				return rows, func() error { return nil }, nil
			})
			return harness.Bench{Ops: len(rows), Run: repeat(sumRows(len(rows), func(i int) float32 { return product(rows[i], query) }))}, err
		}
	}
	flat := func(e *harness.Env) (harness.Bench, error) {
		m := mem(e)
		all, err := harness.Keep(e, "heap", func() ([]float32, func() error, error) { return m.heap(), func() error { return nil }, nil })
		return harness.Bench{Ops: m.n / vectorWidth, Run: repeat(sumRows(m.n/vectorWidth, func(i int) float32 {
			return dot(all[i*vectorWidth:(i+1)*vectorWidth], query)
		}))}, err
	}
	onRows := func(product func(r region.Rows[float32], i int) float32) func(*harness.Env) (harness.Bench, error) {
		return func(e *harness.Env) (harness.Bench, error) {
			r, err := mem(e).anonymous(e, 0)
			if err != nil {
				return harness.Bench{}, err
			}
			rows, err := region.RowsOf(r.View(), vectorWidth)
			return harness.Bench{Ops: rows.Len(), Run: repeat(sumRows(rows.Len(), func(i int) float32 { return product(rows, i) }))}, err
		}
	}
	return []harness.Row{{Name: "vectors: dot product, 200 k × 384", Unit: "vector", Floor: "loop over one []float32", Cases: []harness.Case{
		{Name: "loop over one []float32", Setup: flat},
		{Name: "loop over [][]float32", Setup: onHeap(dot)},
		{Name: "gonum over [][]float32", Lib: "gonum", Note: "its loop is assembly", Setup: onHeap(dotGonum)},
		{Name: "Rows.Row, At", Lib: harness.Ours, Setup: onRows(func(r region.Rows[float32], i int) float32 { return dotView(r.Row(i), query) })},
		{Name: "Rows.At", Lib: harness.Ours, Setup: onRows(func(r region.Rows[float32], i int) float32 { return dotAt(r, i, query) })},
		{Name: "Rows.Row, Slice", Lib: harness.Ours, Setup: onRows(func(r region.Rows[float32], i int) float32 { return dot(r.Row(i).Slice(), query) })},
		{Name: "gonum over Rows.Row, Slice", Lib: harness.Ours, Note: "its loop is assembly", Setup: onRows(func(r region.Rows[float32], i int) float32 { return dotGonum(r.Row(i).Slice(), query) })},
	}}}
}
