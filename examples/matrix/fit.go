package main

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/typedmem/typedmem/region"
	"gonum.org/v1/gonum/mat"
)

// model says how the last number of a row follows from the others.
type model struct {
	weights []float64
	median  float64 // of the errors, without their signs
	worst   float64
}

func (m model) String() string {
	return fmt.Sprintf("weights %.2f, median error %.2f, worst %.2f\n", m.weights, m.median, m.worst)
}

// fit finds the weights with the least squares of errors.
func fit(rows region.Rows[float64]) (m model, err error) {
	n, last := rows.Len(), rows.Width()-1
	if last < 1 || n < last {
		return m, fmt.Errorf("%d rows of %d numbers, which determine no weights", n, last+1)
	}
	// The matrix and its parts are the memory of the file. It is open for reading: a method that
	// stores into them would fault.
	all := mat.NewDense(n, last+1, rows.Flat().Slice())
	given, wanted := all.Slice(0, n, 0, last), all.ColView(last)
	var weights mat.VecDense
	if err := weights.SolveVec(given, wanted); err != nil {
		return m, err
	}
	m.weights = weights.RawVector().Data

	off, err := region.New[float64](n) // outside the Go heap, however many rows there are
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, off.Close()) }()
	differences := mat.NewVecDense(n, off.Slice())
	differences.MulVec(given, &weights)
	differences.SubVec(differences, wanted)
	for i, x := range off.All() {
		off.Set(i, math.Abs(x))
	}
	slices.Sort(off.Slice())
	m.median, m.worst = off.At(n/2), off.At(n-1)
	return m, nil
}
