package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// printTable prints the outcomes of a service as a Markdown table, and below it the targets.
func printTable(w io.Writer, s service, rows, rounds int, all []outcome) {
	fmt.Fprintf(w, "\n## %s\n\n%s rows; medians of %d rounds, and half the distance of the quartiles. Files are in the page\ncache at the restart.\n\n",
		s.title, number(float64(rows)), rounds)
	fmt.Fprintf(w, "| contender | %s | peak RSS | peak RssAnon | files | GC cycles | longest pause |\n|---%s|\n",
		strings.Join(s.phases, " | "), strings.Repeat("|---", len(s.phases)+5))
	for _, o := range all {
		name := o.contender.name
		if o.rows != rows {
			name += ", " + number(float64(o.rows)) + " rows"
		}
		fmt.Fprintf(w, "| %s |", name)
		for _, phase := range s.phases {
			cell := duration(o.report.Phases[phase])
			if rounds > 1 && cell != "" {
				cell += fmt.Sprintf(" ±%.0f %%", 100*o.spread[phase])
			}
			fmt.Fprintf(w, " %s |", cell)
		}
		collections := fmt.Sprintf("%d | %s", o.report.GCs, duration(o.report.Pause))
		if o.contender.script != "" {
			collections = "| "
		}
		fmt.Fprintf(w, " %s | %s | %s | %s |\n", size(o.memory.rss), size(o.memory.anon), size(o.disk), collections)
	}
	fmt.Fprint(w, "\n| target | figure | |\n|---|---|---|\n")
	for _, t := range judge(s, rows, all) {
		verdict := "missed"
		if t.met {
			verdict = "met"
		}
		fmt.Fprintf(w, "| %s | %s | %s |\n", t.text, t.figure, verdict)
	}
}

// duration prints a time with three digits, and nothing for a phase that there was not.
func duration(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d < time.Millisecond:
		return fmt.Sprintf("%.3g µs", float64(d)/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// number writes a whole number, with commas between thousands.
func number(x float64) string { return humanize.Comma(int64(math.Round(x))) }

func size(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
