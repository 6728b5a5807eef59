package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/typedmem/typedmem/bench/harness"
)

// level is how near two times are that count as the same.
const level = 1.02

// peers writes one line for each row: the fastest way through this library, and how every other
// contender stands to it.
func peers(w io.Writer, results []harness.Result) error {
	fmt.Fprint(w, "\n## Every row against every contender\n\n"+
		"A ratio is the contender's time over that of the fastest way through this library: below 1.00 the contender is ahead.\n\n")
	t := tablewriter.NewTable(w, tablewriter.WithRenderer(renderer.NewMarkdown()), tablewriter.WithHeaderAutoFormat(tw.Off))
	t.Header([]string{"row", "this library", "ahead of it", "level", "behind"})
	for _, r := range results {
		if line, ok := peersOf(r); ok {
			if err := t.Append(line); err != nil {
				return err
			}
		}
	}
	return t.Render()
}

// peersOf is the line of one row, if this library and others took part in it.
func peersOf(r harness.Result) (line []string, ok bool) {
	ran := func(own bool) (cases []harness.CaseResult) {
		for _, c := range r.Cases {
			if len(c.Samples) > 0 && (c.Case.Lib == harness.Ours) == own {
				cases = append(cases, c)
			}
		}
		return cases
	}
	ours, others := ran(true), ran(false)
	if len(ours) == 0 || len(others) == 0 {
		return nil, false
	}
	best := slices.MinFunc(ours, func(a, b harness.CaseResult) int {
		return cmp.Compare(a.Median(harness.Wall), b.Median(harness.Wall))
	})
	columns := make([][]string, 3)
	slices.SortStableFunc(others, func(a, b harness.CaseResult) int {
		return cmp.Compare(a.Ratio(best, harness.Wall), b.Ratio(best, harness.Wall))
	})
	for _, c := range others {
		x := c.Ratio(best, harness.Wall)
		column := 1
		switch {
		case x*level < 1:
			column = 0
		case x > level:
			column = 2
		}
		text := c.Case.Name + " " + ratio(x)
		if c.Case.Note != "" {
			text += " †"
		}
		columns[column] = append(columns[column], text)
	}
	line = []string{r.Row.Name, best.Case.Name}
	for _, c := range columns {
		line = append(line, strings.Join(c, "; "))
	}
	return line, true
}
