package report

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/typedmem/typedmem/bench/harness"
)

// Plots writes a plot for every family of scaling rows and a bar chart for every other row, as SVG.
func Plots(dir string, results []harness.Result) error {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
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
	p.X.Label.Text = "time per " + r.Row.Unit
	var names []string
	var ours, others plotter.Values
	values := plotter.XYLabels{}
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
		values.XYs = append(values.XYs, plotter.XY{X: x, Y: float64(len(names))})
		values.Labels = append(values.Labels, Duration(x))
		names, ours, others = append(names, padded(c.Case.Name)), append(ours, a), append(others, b)
	}
	if len(names) < 2 { // nothing to compare
		return nil
	}
	blue, gray := color.RGBA{0x1f, 0x77, 0xb4, 0xff}, color.Gray{0x90}
	add := addBars
	if most > 50*least { // one bar would hide the rest: dots on a logarithmic axis
		add = addDots
	}
	labels, err := plotter.NewLabels(values)
	if err := errors.Join(err, add(p, ours, blue), add(p, others, gray)); err != nil {
		return err
	}
	for i := range labels.TextStyle {
		labels.TextStyle[i].YAlign = draw.YCenter
	}
	labels.Offset = vg.Point{X: 7}
	if most > 50*least {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(decades)
		p.X.Min, p.X.Max = least/2, most*4
		p.Add(plotter.NewGrid())
	} else {
		p.X.Min, p.X.Max = 0, most*1.15
		p.X.Tick.Marker = plot.TickerFunc(times)
	}
	p.Add(labels)
	p.NominalY(names...)
	c := vgsvg.New(9*vg.Inch, vg.Points(70+20*float64(len(names))))
	p.Draw(draw.Crop(draw.New(c), 0, -20, 0, 0))
	return save(path, c)
}

// padded adds blanks to a name, which is placed by the width it has in our font: a font that takes
// its place may be wider by a fifth.
func padded(name string) string { return name + strings.Repeat(" ", 3+len(name)/2) }

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

// save writes a picture, with fonts to fall back on where its own is missing.
func save(path string, c *vgsvg.Canvas) error {
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return err
	}
	text := ownFont.ReplaceAllString(b.String(), "font-family:'Liberation Sans',Arial,Helvetica,sans-serif")
	return os.WriteFile(path, []byte(text), 0o666)
}

var ownFont = regexp.MustCompile(`font-family:[^;"]*`)

// times marks a linear axis of nanoseconds.
func times(least, most float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(least, most)
	for i, t := range ticks {
		switch {
		case t.Label != "" && t.Value > 0:
			ticks[i].Label = Duration(t.Value)
		case t.Value == 0:
			ticks[i].Label = "0"
		}
	}
	return ticks
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
