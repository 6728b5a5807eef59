package report

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/typedmem/typedmem/bench/harness"
)

// Plots writes a plot for every family of scaling rows and a bar chart for every other row, as SVG.
func Plots(dir string, results []harness.Result) error {
	families := map[string][]harness.Result{}
	var err error
	for _, r := range results {
		if r.Row.Plot != "" {
			families[r.Row.Plot] = append(families[r.Row.Plot], r)
		}
		if !strings.HasPrefix(r.Row.Name, "scaling") {
			err = errors.Join(err, bars(filepath.Join(dir, fileName(r.Row.Name)), r))
		}
	}
	for name, family := range families {
		if len(family) > 1 {
			err = errors.Join(err, curves(filepath.Join(dir, fileName("scaling "+name)), name, family))
		}
	}
	return err
}

// fileName turns a title into a name for a file.
func fileName(title string) string {
	f := func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return '-'
	}
	name := strings.Map(f, title)
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	return strings.Trim(name, "-") + ".svg"
}

// bars draws the medians of one row, ours in another colour.
func bars(path string, r harness.Result) error {
	p := plot.New()
	p.Title.Text = r.Row.Name
	p.X.Label.Text = "nanoseconds per " + r.Row.Unit
	var names []string
	var ours, others plotter.Values
	least, most := math.Inf(1), 0.0
	for _, c := range slices.Backward(r.Cases) {
		if len(c.Samples) == 0 {
			continue
		}
		x := c.Median(harness.Wall)
		least, most = min(least, x), max(most, x)
		a, b := x, 0.0
		if c.Case.Lib != harness.Ours {
			a, b = 0, x
		}
		names, ours, others = append(names, fmt.Sprintf("%s: %s", c.Case.Name, Duration(x))), append(ours, a), append(others, b)
	}
	if len(names) == 0 {
		return nil
	}
	blue, gray := color.RGBA{0x1f, 0x77, 0xb4, 0xff}, color.Gray{0x90}
	add := addBars
	if most > 50*least { // one bar would hide the rest: dots on a logarithmic axis
		add = addDots
	}
	if err := errors.Join(add(p, ours, blue), add(p, others, gray)); err != nil {
		return err
	}
	if most > 50*least {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: 3}
		p.X.Min, p.X.Max = least/2, most*2
		p.Add(plotter.NewGrid())
	} else {
		p.X.Min = 0
	}
	p.NominalY(names...)
	return p.Save(9*vg.Inch, vg.Points(70+20*float64(len(names))), path)
}

// addBars adds horizontal bars.
func addBars(p *plot.Plot, values plotter.Values, c color.Color) error {
	b, err := plotter.NewBarChart(values, vg.Points(12))
	if err != nil {
		return err
	}
	b.Horizontal, b.Color, b.LineStyle.Width = true, c, 0
	p.Add(b)
	return nil
}

// addDots adds a dot for each value that is not 0.
func addDots(p *plot.Plot, values plotter.Values, c color.Color) error {
	var points plotter.XYs
	for i, x := range values {
		if x > 0 {
			points = append(points, plotter.XY{X: x, Y: float64(i)})
		}
	}
	if len(points) == 0 {
		return nil
	}
	s, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	s.Color, s.Shape, s.Radius = c, draw.CircleGlyph{}, vg.Points(5)
	p.Add(s)
	return nil
}

// curves draws a line for each contender of a family of rows, both axes logarithmic.
func curves(path, name string, family []harness.Result) error {
	slices.SortFunc(family, func(a, b harness.Result) int { return int(a.Row.X - b.Row.X) })
	p := plot.New()
	p.Title.Text, p.Y.Label.Text = name, "nanoseconds per "+family[0].Row.Unit
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.Y.Tick.Marker = plot.LogTicks{Prec: 3}
	p.X.Tick.Marker = plot.TickerFunc(func(float64, float64) (ticks []plot.Tick) {
		for _, r := range family {
			ticks = append(ticks, plot.Tick{Value: r.Row.X, Label: amount(r.Row.X)})
		}
		return ticks
	})
	p.Legend.Top, p.Legend.Left = true, true
	p.Add(plotter.NewGrid())
	for i, first := range family[0].Cases {
		var points plotter.XYs
		for _, r := range family {
			if c, ok := r.Case(first.Case.Name); ok {
				points = append(points, plotter.XY{X: r.Row.X, Y: max(c.Median(harness.Wall), 0.01)})
			}
		}
		if len(points) < 2 {
			continue
		}
		l, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		l.Color, dots.Color, dots.Shape = plotutil.Color(i), plotutil.Color(i), draw.CircleGlyph{}
		if first.Case.Lib == harness.Ours {
			l.Width = vg.Points(2.5)
		}
		p.Add(l, dots)
		p.Legend.Add(first.Case.Name, l, dots)
	}
	p.Y.Max *= 4 // room for the legend
	return p.Save(8*vg.Inch, 5*vg.Inch, path)
}

// amount writes a size in bytes, or a plain number below a mebibyte.
func amount(x float64) string {
	switch {
	case x >= 1<<30:
		return fmt.Sprintf("%g GiB", x/(1<<30))
	case x >= 1<<20:
		return fmt.Sprintf("%g MiB", x/(1<<20))
	}
	return fmt.Sprintf("%g", x)
}
