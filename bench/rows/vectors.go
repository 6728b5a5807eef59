package rows

import (
	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/region"
	"gonum.org/v1/gonum/mat"
)

const vectorWidth = 384

//go:noinline
func dot(a, b []float64) (sum float64) {
	b = b[:len(a)]
	for i, x := range a {
		sum += x * b[i]
	}
	return sum
}

//go:noinline
func dotView(a []float64, row region.View[float64]) (sum float64) {
	for i, x := range a {
		sum += x * row.At(i)
	}
	return sum
}

// vectorRows asks for the dot product of one vector with each of many.
func vectorRows() []harness.Row {
	query := make([]float64, vectorWidth)
	for i := range query {
		query[i] = float64(i%7) - 3
	}
	of := func(kernel func(r region.Rows[float64]) func() float64) func(*harness.Env) (harness.Bench, error) {
		return func(e *harness.Env) (harness.Bench, error) {
			n := e.Size(200_000, 20_000)
			r, err := harness.Keep(e, "vectors", func() (*region.Region[float64], func() error, error) {
				r, err := region.New[float64](n * vectorWidth)
				if err != nil {
					return nil, nil, err
				}
				for i, s := 0, r.Slice(); i < len(s); i++ {
					s[i] = float64(i % 11)
				}
				return r, r.Close, nil
			})
			if err != nil {
				return harness.Bench{}, err
			}
			rows, err := region.RowsOf(r.View(), vectorWidth)
			if err != nil {
				return harness.Bench{}, err
			}
			run := kernel(rows)
			return harness.Bench{Ops: n, Run: repeat(func(int) error { sinkFloat += run(); return nil })}, nil
		}
	}
	return []harness.Row{{Name: "dot products, vectors of 384 float64", Unit: "vector", Floor: "heap [][]float64", Cases: []harness.Case{
		{Name: "heap [][]float64", Setup: of(func(r region.Rows[float64]) func() float64 {
			heap := make([][]float64, r.Len())
			for i, row := range r.All() {
				heap[i] = append([]float64(nil), row.Slice()...)
			}
			return func() (sum float64) {
				for _, row := range heap {
					sum += dot(query, row)
				}
				return sum
			}
		})},
		{Name: "Rows.Row, Slice", Lib: harness.Ours, Setup: of(func(r region.Rows[float64]) func() float64 {
			return func() (sum float64) {
				for i := range r.Len() {
					sum += dot(query, r.Row(i).Slice())
				}
				return sum
			}
		})},
		{Name: "Rows.Row, At", Lib: harness.Ours, Setup: of(func(r region.Rows[float64]) func() float64 {
			return func() (sum float64) {
				for i := range r.Len() {
					sum += dotView(query, r.Row(i))
				}
				return sum
			}
		})},
		{Name: "gonum over Flat, Slice", Lib: "gonum", Setup: of(func(r region.Rows[float64]) func() float64 {
			m := mat.NewDense(r.Len(), r.Width(), r.Flat().Slice())
			q, out := mat.NewVecDense(vectorWidth, query), mat.NewVecDense(r.Len(), nil)
			return func() float64 { out.MulVec(m, q); return mat.Sum(out) }
		})},
	}}}
}
