// Package report writes results as a table, as Markdown and as plots.
package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/bench/rows"
)

var header = []string{"contender", "median", "spread", "least", "/ floor", "/ best other", "allocs/op", "faults", "peak / data", "remarks"}

// lines are the table's lines for one row.
func lines(r harness.Result) [][]string {
	floor, hasFloor := r.Case(r.Row.Floor)
	ours := math.Inf(1) // our best
	for _, c := range r.Cases {
		if c.Case.Lib == harness.Ours && len(c.Samples) > 0 {
			ours = min(ours, c.Median(harness.Wall))
		}
	}
	var all [][]string
	for _, c := range r.Cases {
		if c.Err != "" {
			all = append(all, []string{c.Case.Name, "-", "", "", "", "", "", "", "", "failed: " + strings.Join(strings.Fields(c.Err), " ")})
			continue
		}
		wall := c.Median(harness.Wall)
		line := []string{c.Case.Name, Duration(wall), fmt.Sprintf("±%.0f %%", 50*c.Spread(harness.Wall)), Duration(c.Least(harness.Wall)), "", "", number(c.Median(harness.Allocs)),
			number(c.Median(harness.Faults)), "", remarks(r, c, ours)}
		if hasFloor {
			line[4] = ratio(c.Ratio(floor, harness.Wall))
		}
		if best, ok := r.BestOther(c.Case.Lib); ok && c.Case.Lib != "" {
			line[5] = ratio(c.Ratio(best, harness.Wall))
		}
		if data := c.Median(harness.Bytes); data > 0 && c.Median(harness.Peak) > 0 {
			line[8] = ratio(c.Median(harness.Peak) / data)
		}
		all = append(all, line)
	}
	return all
}

func remarks(r harness.Result, c harness.CaseResult, ours float64) string {
	var all []string
	if c.Case.Name == r.Row.Floor {
		all = append(all, "floor")
	}
	if c.Case.Note != "" {
		all = append(all, "† "+c.Case.Note)
	}
	if c.Case.Lib != harness.Ours && c.Case.Name != r.Row.Floor && c.Median(harness.Wall) < ours*0.98 {
		all = append(all, "ahead of us")
	}
	if wall, cpu := c.Median(harness.Wall), c.Median(harness.CPU); cpu > 1.3*wall || cpu < 0.7*wall {
		all = append(all, "CPU "+Duration(cpu))
	}
	if len(c.Samples) > 0 {
		for _, name := range sortedKeys(c.Samples[0].More) {
			all = append(all, name+" "+Duration(c.Median(func(s harness.Sample) float64 { return s.More[name] })))
		}
	}
	return strings.Join(all, "; ")
}

// Text writes the table of one row for a terminal.
func Text(w io.Writer, r harness.Result) error {
	fmt.Fprintf(w, "\n%s (per %s)\n", r.Row.Name, r.Row.Unit)
	t := tablewriter.NewTable(w, tablewriter.WithSymbols(tw.NewSymbols(tw.StyleLight)), tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithRendition(tw.Rendition{Settings: tw.Settings{Separators: tw.Separators{BetweenRows: tw.Off}}}))
	return fillTable(t, r)
}

func fillTable(t *tablewriter.Table, r harness.Result) error {
	t.Header(header)
	if err := t.Bulk(lines(r)); err != nil {
		return err
	}
	return t.Render()
}

// Markdown writes all tables.
func Markdown(w io.Writer, results []harness.Result, verdicts []rows.Verdict, m Machine) error {
	fmt.Fprintf(w, "# Results\n\n%s\n\n%s\n\n## Targets\n\n", m, legend)
	if err := Targets(w, verdicts, true); err != nil {
		return err
	}
	for _, r := range results {
		fmt.Fprintf(w, "\n## %s\n\nPer %s.\n\n", r.Row.Name, r.Row.Unit)
		t := tablewriter.NewTable(w, tablewriter.WithRenderer(renderer.NewMarkdown()), tablewriter.WithHeaderAutoFormat(tw.Off))
		if err := fillTable(t, r); err != nil {
			return err
		}
	}
	return peers(w, results)
}

const legend = `Times are medians of wall time; the spread is half the distance of the quartiles. "/ floor" is the ratio to the row's floor, "/ best other" that to
the fastest contender of another library that is fair to compare with; a ratio is the median over the rounds of the ratio within each. † marks a contender that is not, and why. Faults are those of a
round. "Peak / data" is the greatest resident memory of the contender's own process over the bytes of data. Contenders without a library, floors among
them, are what can be written by hand or comes with Go.`

// Duration prints nanoseconds with three digits.
func Duration(ns float64) string {
	switch {
	case math.IsNaN(ns):
		return "-"
	case ns < 999.5:
		return fmt.Sprintf("%.3g ns", ns)
	case ns < 999.5e3:
		return fmt.Sprintf("%.3g µs", ns/1e3)
	case ns < 999.5e6:
		return fmt.Sprintf("%.3g ms", ns/1e6)
	}
	return fmt.Sprintf("%.3g s", ns/1e9)
}

func ratio(x float64) string {
	switch {
	case math.IsNaN(x):
		return ""
	case x >= 100:
		return fmt.Sprintf("%.0f ×", x)
	}
	return fmt.Sprintf("%.2f ×", x)
}

func number(x float64) string {
	switch {
	case math.IsNaN(x):
		return ""
	case x < 0.0005:
		return "0"
	case x >= 1000:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}
