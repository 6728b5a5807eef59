package report

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/typedmem/typedmem/bench/rows"
)

// Targets writes the table of targets, as Markdown or for a terminal.
func Targets(w io.Writer, verdicts []rows.Verdict, markdown bool) error {
	if len(verdicts) == 0 {
		return nil
	}
	option := tablewriter.WithSymbols(tw.NewSymbols(tw.StyleLight))
	if markdown {
		option = tablewriter.WithRenderer(renderer.NewMarkdown())
	}
	t := tablewriter.NewTable(w, option, tablewriter.WithHeaderAutoFormat(tw.Off))
	t.Header([]string{"row", "contender", "measured", "target", ""})
	for _, v := range verdicts {
		target := fmt.Sprintf("at most %.2f", v.Target.Most)
		if v.Target.Plus != 0 {
			target = fmt.Sprintf("at most %g", v.Target.Plus)
		}
		measured, met := fmt.Sprintf("%.2f %s", v.Value, v.What), "met"
		switch {
		case math.IsNaN(v.Value):
			measured, met = strings.Join(strings.Fields(v.What), " "), "not measured"
		case !v.Met:
			met = "missed"
		}
		if err := t.Append([]string{v.Target.Row, v.Target.Case, measured, target, met}); err != nil {
			return err
		}
	}
	return t.Render()
}
