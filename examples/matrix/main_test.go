package main

import (
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/examples/internal/itself"
	"github.com/typedmem/typedmem/region"
	"gonum.org/v1/gonum/mat"
)

func TestMain(m *testing.M) { itself.Main(m, main) }

// gonum works on the memory of the rows: what it stores is in the region.
func Example_gonum() {
	r, err := region.New[float64](6)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	rows, err := region.RowsOf(r.View(), 3)
	if err != nil {
		log.Fatal(err)
	}
	rows.Row(0).CopyFrom([]float64{1, 2, 3})
	rows.Row(1).CopyFrom([]float64{4, 5, 6})

	m := mat.NewDense(rows.Len(), rows.Width(), rows.Flat().Slice())
	var product mat.Dense
	product.Mul(m, m.T())
	fmt.Println(mat.Formatted(&product))
	m.Scale(10, m)
	fmt.Println(rows.At(1, 2))
	// Output:
	// ⎡14  32⎤
	// ⎣32  77⎦
	// 60
}

// Packages slices and sort take what Slice returns, and change the region.
func Example_sort() {
	r, err := region.New[float64](0)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	if err := r.Append(3, 1, 2); err != nil {
		log.Fatal(err)
	}
	slices.Sort(r.Slice())
	fmt.Println(r.At(0), r.At(2))
	sort.Sort(sort.Reverse(sort.Float64Slice(r.Slice())))
	fmt.Println(r.At(0), r.At(2))
	// Output:
	// 1 3
	// 3 1
}

func Example() {
	if err := run(os.Stdout, "", 10_000); err != nil {
		log.Fatal(err)
	}
	// Output:
	// weights [2.00 -1.00 0.50], median error 0.07, worst 0.46
}

// TestFitIsTheLeastSquares compares with the normal equations' solution: the errors are
// perpendicular to every column. The file stays as it was.
func TestFitIsTheLeastSquares(t *testing.T) {
	path := filepath.Join(t.TempDir(), "observations.tm")
	if err := run(io.Discard, path, 500); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := region.Open[float64](path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows := file.Rows()
	if rows.Len() != 500 || rows.Width() != 4 {
		t.Fatalf("%d rows of %d, want 500 of 4", rows.Len(), rows.Width())
	}
	m, err := fit(rows)
	if err != nil {
		t.Fatal(err)
	}
	var sums [3]float64
	var off []float64
	for _, row := range rows.All() {
		d := -row.At(3)
		for j, w := range m.weights {
			d += w * row.At(j)
		}
		for j := range sums {
			sums[j] += d * row.At(j)
		}
		off = append(off, math.Abs(d))
	}
	for j, sum := range sums {
		if math.Abs(sum) > 1e-9 {
			t.Errorf("the errors have the product %v with column %d, want 0", sum, j)
		}
	}
	slices.Sort(off)
	if math.Abs(m.median-off[250]) > 1e-12 || math.Abs(m.worst-off[499]) > 1e-12 {
		t.Errorf("errors of %v and %v, want %v and %v", m.median, m.worst, off[250], off[499])
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file has changed, or cannot be read: %v", err)
	}
}

// TestFilesWithoutAnswer gives files that are no observations, or too few.
func TestFilesWithoutAnswer(t *testing.T) {
	dir := t.TempDir()
	narrow, foreign, same := filepath.Join(dir, "narrow"), filepath.Join(dir, "foreign"), filepath.Join(dir, "same")
	write := func(path string, width int, x ...float64) {
		t.Helper()
		r, err := region.OpenFile[float64](path, region.FileOptions{Write: true, Create: true, Width: width})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Append(x...); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write(narrow, 1, 1, 2, 3)
	write(same, 3, 1, 1, 2, 1, 1, 2, 1, 1, 2)
	if err := os.WriteFile(foreign, []byte("text"), 0o666); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		narrow:                     "rows of 1 numbers",
		foreign:                    "foreign",
		same:                       "singular",
		filepath.Join(dir, "none"): "0 rows of 4",
	} {
		if err := run(io.Discard, path, 0); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want an error that says %q", filepath.Base(path), err, says)
		}
	}
	if err := run(new(itself.Full), "", 10); err == nil {
		t.Error("lost output gives no error")
	}
}

func TestArgumentsAreRefused(t *testing.T) {
	out, err := itself.Command(t.Context(), "something").CombinedOutput()
	if err == nil || string(out) != "matrix: it takes flags only\n" {
		t.Errorf("%v: %s", err, out)
	}
	out, err = itself.Command(t.Context(), "-n", "-1", "-file", filepath.Join(t.TempDir(), "f")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "-n ") {
		t.Errorf("%v: %s", err, out)
	}
}
