//go:build linux

package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/bench/report"
)

// printRow prints a table of the contenders and the verdict on each target.
func printRow(out io.Writer, r row, res harness.Result) error {
	own := map[string]bool{}
	for _, c := range res.Cases {
		for _, s := range c.Samples {
			for name := range s.More {
				own[name] = true
			}
		}
	}
	for _, name := range []string{lateMedian, lateWorst, gcMedian, gcWorst} {
		delete(own, name)
	}
	names := slices.Sorted(maps.Keys(own))
	head, rule := "| contender | time | spread | / best other | processor time | page faults |", "|---|---|---|---|---|---|"
	if !r.quiet {
		head += " timer late: median | worst of a round | worst | runtime.GC: worst of a round | worst |"
		rule += "---|---|---|---|---|"
	}
	for _, name := range names {
		head += " " + name + " |"
		rule += "---|"
	}
	fmt.Fprintf(out, "%s\n%s\n", head, rule)
	for _, c := range res.Cases {
		if c.Err != "" {
			fmt.Fprintf(out, "| %s | failed: %s |\n", c.Case.Name, c.Err)
			continue
		}
		ratio := ""
		if best, ok := res.BestOther(ours); ok && c.Case.Lib != "" {
			ratio = fmt.Sprintf("%.2f ×", c.Ratio(best, harness.Wall))
		}
		fmt.Fprintf(out, "| %s | %s | ±%.0f %% | %s | %s | %.0f |", c.Case.Name, report.Duration(c.Median(harness.Wall)), 50*c.Spread(harness.Wall), ratio, report.Duration(c.Median(harness.CPU)), c.Median(harness.Faults))
		if !r.quiet {
			fmt.Fprintf(out, " %s | %s | %s | %s | %s |", report.Duration(c.Median(more(lateMedian))), report.Duration(c.Median(more(lateWorst))), report.Duration(worst(c, lateWorst)),
				report.Duration(c.Median(more(gcWorst))), report.Duration(worst(c, gcWorst)))
		}
		for _, name := range names {
			fmt.Fprintf(out, " %s |", report.Duration(c.Median(more(name))))
		}
		fmt.Fprintln(out)
	}
	for i, t := range r.targets {
		if i == 0 {
			fmt.Fprintln(out)
		}
		v := t.of(res)
		verdict := "missed"
		switch {
		case math.IsNaN(v):
			verdict = "not measured"
		case v <= t.most:
			verdict = "met"
		}
		if _, err := fmt.Fprintf(out, "- %s: %s, at most %s: %s\n", t.what, t.unit(v), t.unit(t.most), verdict); err != nil {
			return err
		}
	}
	return nil
}

// more reads one of a sample's further figures, NaN where it has none.
func more(name string) func(harness.Sample) float64 {
	return func(s harness.Sample) float64 {
		if x, ok := s.More[name]; ok {
			return x
		}
		return math.NaN()
	}
}

// worst is the greatest of a figure in all rounds.
func worst(c harness.CaseResult, name string) float64 {
	w := math.NaN()
	for _, s := range c.Samples {
		if x := more(name)(s); math.IsNaN(w) || x > w {
			w = x
		}
	}
	return w
}

// durationOrZero is report.Duration for what may be nothing.
func durationOrZero(ns float64) string {
	if ns == 0 {
		return "0"
	}
	return report.Duration(ns)
}

func times(x float64) string { return fmt.Sprintf("%.2f ×", x) }

// median is the target that a figure of a contender is at most so much, in the median of the
// rounds: the worst of all rounds is that of a busy machine as much as of the contender.
func median(name, figure string, most time.Duration) target {
	return target{name + ", " + figure, float64(most), func(r harness.Result) float64 {
		c, ok := r.Case(name)
		if !ok {
			return math.NaN()
		}
		return c.Median(more(figure))
	}, report.Duration}
}

// ratio is the target that a figure of a contender is at most so many times that of another.
func ratio(name, to, what string, of func(harness.Sample) float64, most float64) target {
	return target{name + " / " + to + what, most, func(r harness.Result) float64 {
		a, ok := r.Case(name)
		b, too := r.Case(to)
		if !ok || !too {
			return math.NaN()
		}
		return a.Ratio(b, of)
	}, times}
}
