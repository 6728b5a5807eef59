package fuzz

import (
	"slices"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// FuzzRows runs operations on rows of one region, and computes the places of their elements in one
// Go slice.
func FuzzRows(f *testing.F) {
	fuzzPrograms(f, rowsProgram[uint8], rowsProgram[six], rowsProgram[uint64], rowsProgram[[24]byte])
}

// rowsPair is a Rows, and where its rows lie in the slice.
type rowsPair[T comparable] struct {
	rows            region.Rows[T]
	first, n, width int
	readOnly        bool
}

func rowsProgram[T comparable](t *testing.T, p *program) {
	width := 1 + p.below(9)
	memory := make([]T, p.fits(12)*width)
	r, err := region.New[T](len(memory))
	testkit.Check(t, err)
	defer r.Close()
	for i := range memory {
		memory[i] = valueOf[T](p)
		r.Set(i, memory[i])
	}
	all, err := region.RowsOf(r.View(), width)
	expect(t, "RowsOf", err)
	pairs := []rowsPair[T]{{all, 0, len(memory) / width, width, false}}
	for p.more() {
		x := pairs[p.below(len(pairs))]
		if made, ok := x.step(t, p, memory); ok {
			pairs = append(pairs, made)
		}
		if x.rows.Len() != x.n || x.rows.Width() != x.width {
			t.Fatalf("%d rows of %d, want %d of %d", x.rows.Len(), x.rows.Width(), x.n, x.width)
		}
	}
	if !slices.Equal(r.Slice(), memory) {
		t.Fatalf("the memory is %v, want %v", r.Slice(), memory)
	}
}

// elements are those that x shows.
func (x *rowsPair[T]) elements(memory []T) []T { return memory[x.first:][:x.n*x.width] }

// step runs one operation, and returns the rows that it makes.
func (x *rowsPair[T]) step(t *testing.T, p *program, memory []T) (made rowsPair[T], ok bool) {
	refused := when(x.readOnly, typedmem.ErrProtection)
	switch op := p.below(10); op {
	case 0:
		lo, hi := p.number(x.n), p.number(x.n)
		rows, err := x.rows.Sub(lo, hi)
		expect(t, "Sub", err, when(!inRange(lo, hi, x.n), typedmem.ErrBounds))
		return rowsPair[T]{rows, x.first + lo*x.width, hi - lo, x.width, x.readOnly}, err == nil
	case 1: // in other rows
		width := p.number(x.width)
		rows, err := region.RowsOf(x.rows.Flat(), width)
		expect(t, "RowsOf", err, when(width < 1 || x.n*x.width%max(width, 1) != 0, typedmem.ErrBounds))
		return rowsPair[T]{rows, x.first, x.n * x.width / max(width, 1), width, x.readOnly}, err == nil
	case 2:
		rows, err := region.RowsOf(x.rows.Flat().ReadOnly(), x.width)
		expect(t, "RowsOf", err)
		return rowsPair[T]{rows, x.first, x.n, x.width, true}, true
	case 3, 4:
		i, j := p.number(x.n), p.number(x.width)
		var got T
		err := testkit.Caught(t, func() { got = x.rows.At(i, j) })
		if op == 4 {
			got, err = x.rows.Load(i, j)
		}
		expect(t, "At", err, when(!x.has(i, j), typedmem.ErrBounds))
		if err == nil && got != memory[x.first+i*x.width+j] {
			t.Fatalf("At(%d, %d) is %v, want %v", i, j, got, memory[x.first+i*x.width+j])
		}
	case 5, 6:
		i, j, val := p.number(x.n), p.number(x.width), valueOf[T](p)
		err := testkit.Caught(t, func() { x.rows.Set(i, j, val) })
		if op == 6 {
			err = x.rows.Store(i, j, val)
		}
		if !x.has(i, j) {
			expect(t, "Set", err, typedmem.ErrBounds)
		} else if expect(t, "Set", err, refused); err == nil {
			memory[x.first+i*x.width+j] = val
		}
	case 7:
		i, val := p.number(x.n), valueOf[T](p)
		var row region.View[T]
		err := testkit.Caught(t, func() { row = x.rows.Row(i) })
		if expect(t, "Row", err, when(!x.has(i, 0), typedmem.ErrBounds)); err != nil {
			break
		}
		want := x.elements(memory)[i*x.width:][:x.width]
		sameColumn(t, testkit.Must(row.Every(0, row.Len(), 1))(t), column[T]{want, indexes(0, x.width)})
		if expect(t, "Store to a row", row.Store(x.width-1, val), refused); !x.readOnly {
			want[x.width-1] = val
		}
		expect(t, "Store past a row", row.Store(x.width, val), typedmem.ErrBounds)
	case 8:
		j, val := p.number(x.width), valueOf[T](p)
		var col region.Strided[T]
		err := testkit.Caught(t, func() { col = x.rows.Col(j) })
		if expect(t, "Col", err, when(j < 0 || j >= x.width, typedmem.ErrBounds)); err != nil {
			break
		}
		model := every(x.elements(memory), indexes(0, x.n*x.width), j, x.n*x.width, x.width)
		sameColumn(t, col, model)
		if x.n == 0 {
			break
		}
		if expect(t, "Store to a column", col.Store(x.n-1, val), refused); !x.readOnly {
			model.memory[model.at[x.n-1]] = val
		}
	case 9:
		x.gather(t, p, memory)
	}
	return made, false
}

func (x *rowsPair[T]) has(i, j int) bool { return 0 <= i && i < x.n && 0 <= j && j < x.width }

func (x *rowsPair[T]) gather(t *testing.T, p *program, memory []T) {
	rows := make([]int, p.below(6))
	if x.n == 0 && x.width > 100 { // as wide as can be
		rows = nil
	}
	var want []T
	short, outside := false, false
	for k := range rows {
		rows[k] = p.number(x.n)
		if outside = outside || !x.has(rows[k], 0); !outside {
			want = append(want, x.elements(memory)[rows[k]*x.width:][:x.width]...)
		}
	}
	dst := make([]T, max(0, len(rows)*x.width+p.below(3)-1))
	short = len(dst) < len(rows)*x.width
	err := x.rows.Gather(dst, rows)
	expect(t, "Gather", err, when(short || outside, typedmem.ErrBounds))
	if err == nil && !slices.Equal(dst[:len(want)], want) {
		t.Fatalf("Gather of rows %v is %v, want %v", rows, dst, want)
	}
}
