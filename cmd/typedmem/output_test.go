package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
)

var odd = [][]any{
	{int8(-128), uint64(math.MaxUint64), 0.1, float32(0.1), complex(1, -2), "a, \"b\"\n", [3]uint16{1, 2, 3}, true},
	{int64(math.MinInt64), uint8(0), math.NaN(), float32(math.Inf(-1)), complex64(complex(0.1, math.Inf(1))), "", []float64{}, false},
	{nil, 1e300, 1e-300, math.MaxFloat32, 0.0, "é\x1b[2J", []string{"x", "<y>"}, [2][2]int{{1, 2}, {3, 4}}},
}

var oddColumns = []string{"a", "b", "c", "d", "e", "f \"g\"", "h", "i"}

func TestEachFormat(t *testing.T) {
	var all strings.Builder
	for _, f := range formats {
		for n := range []int{0, 1, 2, 3} {
			fmt.Fprintf(&all, "%s of %d rows:\n", f, n)
			to := format(f).to(&all, oddColumns)
			for _, cells := range odd[:n] {
				if err := to.row(cells); err != nil {
					t.Error(err)
				}
			}
			if err := to.close(); err != nil {
				t.Error(err)
			}
		}
	}
	golden(t, "formats", all.String())
}

func TestOtherProgramsReadTheFormats(t *testing.T) {
	var out strings.Builder
	to := format("json").to(&out, oddColumns)
	for _, cells := range odd {
		to.row(cells)
	}
	to.close()
	var back []map[string]any
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil || len(back) != 3 || len(back[0]) != len(oddColumns) || back[0]["f \"g\""] != "a, \"b\"\n" {
		t.Errorf("%v: %v", err, back)
	}
	out.Reset()
	to = format("csv").to(&out, oddColumns)
	for _, cells := range odd {
		to.row(cells)
	}
	to.close()
	lines, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	if err != nil || len(lines) != 4 || !reflect.DeepEqual(lines[0], oddColumns) || lines[1][5] != "a, \"b\"\n" {
		t.Errorf("%v: %q", err, lines)
	}
}

// A table of any length is written while it is made.
func TestTablesAreNotHeldBack(t *testing.T) {
	var out strings.Builder
	to := format("table").to(&out, []string{"n", "what"})
	for i := range 3 * tableLooks {
		if err := to.row([]any{i * 10, strings.Repeat("x", i/tableLooks*40)}); err != nil {
			t.Fatal(err)
		}
		if i >= tableLooks && strings.Count(out.String(), "\n") != i+2 {
			t.Fatalf("%d lines after %d rows", strings.Count(out.String(), "\n"), i+1)
		}
	}
	if err := to.close(); err != nil || strings.Count(out.String(), "\n") != 3*tableLooks+1 {
		t.Errorf("%v, %d lines", err, strings.Count(out.String(), "\n"))
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("the device is full") }

func TestAFullDeviceIsAnError(t *testing.T) {
	for _, f := range formats {
		to := format(f).to(full{}, oddColumns)
		var err error
		for range tableLooks + 1 {
			err = errors.Join(err, to.row(odd[0]))
		}
		if err = errors.Join(err, to.close()); err == nil {
			t.Errorf("%s: no error", f)
		}
	}
	var wrong strings.Builder
	if status := run(t.Context(), []string{"-h"}, nil, full{}, &wrong); status != 1 || wrong.String() != "typedmem: the device is full\n" {
		t.Errorf("exit status %d: %s", status, wrong.String())
	}
}

func TestSizesForPeople(t *testing.T) {
	for n, want := range map[uint64]amount{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1 MiB", 10 << 20: "10 MiB", 1 << 30: "1 GiB", math.MaxUint64: "16 EiB",
	} {
		if got := size(n); got != want {
			t.Errorf("%d: %s instead of %s", n, got, want)
		}
	}
}
