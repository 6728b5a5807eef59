package report

import (
	"math"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/bench/rows"
)

func TestDuration(t *testing.T) {
	for ns, want := range map[float64]string{
		math.NaN(): "-", 0.25: "0.25 ns", 999.4: "999 ns", 999.6: "1 µs", 31_440: "31.4 µs", 999_700: "1 ms", 1_270_000: "1.27 ms",
		2_283_000_000: "2.28 s", 61_000_000_000: "61 s",
	} {
		if got := Duration(ns); got != want {
			t.Errorf("%v ns: %q, want %q", ns, got, want)
		}
	}
}

func TestBelowAndAbove(t *testing.T) {
	for _, c := range []struct{ x, below, above float64 }{{1, 1, 1}, {3, 2, 5}, {19, 10, 20}, {0.07, 0.05, 0.1}, {700, 500, 1000}} {
		if b, a := below(c.x), above(c.x); math.Abs(b/c.below-1) > 1e-9 || math.Abs(a/c.above-1) > 1e-9 {
			t.Errorf("%v: %v and %v, want %v and %v", c.x, b, a, c.below, c.above)
		}
	}
}

// TestATargetThatCouldNotBeMeasured has a contender fail: the target stays in the table and says
// why.
func TestATargetThatCouldNotBeMeasured(t *testing.T) {
	const name = "export 1 GiB of float64 to .npy"
	one := []harness.Sample{{Wall: 1}}
	ours := harness.CaseResult{Case: harness.Case{Name: "npy.Write", Lib: harness.Ours}, Samples: one}
	peer := harness.CaseResult{Case: harness.Case{Name: "numpy.save", Lib: "NumPy"}, Err: "EOF\nexit status 1"}
	for _, c := range []struct {
		cases []harness.CaseResult
		want  string
	}{
		{[]harness.CaseResult{ours, peer}, "numpy.save failed: EOF exit status 1"},
		{[]harness.CaseResult{ours}, "there is nothing to compare with"},
		{[]harness.CaseResult{{Case: ours.Case, Err: "no disk"}, peer}, "npy.Write failed: no disk"},
	} {
		verdicts := rows.Judge([]harness.Result{{Row: harness.Row{Name: name}, Cases: c.cases}})
		var out strings.Builder
		if err := Targets(&out, verdicts, true); err != nil {
			t.Fatal(err)
		}
		if len(verdicts) != 1 || !strings.Contains(out.String(), c.want) || !strings.Contains(out.String(), "| not measured |") {
			t.Errorf("want %q:\n%s", c.want, &out)
		}
	}
}
