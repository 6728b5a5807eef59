package report

import (
	"cmp"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/typedmem/typedmem/bench/harness"
)

// A plot of curves is shown at a third of a page: few lines, large letters.
const (
	mostCurves = 5
	mostOwn    = 2 // of them through this library
	letters    = 14
	curveWidth = 4.5 * vg.Inch
	plotHeight = 3.6 * vg.Inch
	lineHeight = 20 // of the legend
)

// colors are told apart by people who do not see all of them, with the dashes of curveDashes.
var colors = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x9e, 0x73, 0xff},
	color.RGBA{0xcc, 0x79, 0xa7, 0xff}, color.RGBA{0x55, 0x55, 0x55, 0xff},
}

var curveDashes = [][]vg.Length{nil, {8, 3}, {2, 2}, {8, 3, 2, 3}, {4, 4}}

// curves draws a line for each contender of a family of rows, both axes logarithmic, with the names
// below.
func curves(path, name string, family []harness.Result) error {
	slices.SortFunc(family, func(a, b harness.Result) int { return int(a.Row.X - b.Row.X) })
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = name, family[0].Row.XOf, "time per "+family[0].Row.Unit
	p.Title.TextStyle.Font.Size = letters
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font.Size, axis.Tick.Label.Font.Size = letters, letters-2
		axis.Scale = plot.LogScale{}
	}
	p.Y.Tick.Marker = plot.TickerFunc(decades)
	p.X.Tick.Marker = plot.TickerFunc(func(float64, float64) (ticks []plot.Tick) {
		for i, r := range family {
			label := ""
			if len(family) < 5 || i%2 == 1 { // more would overlap
				label = amount(r.Row.X)
			}
			ticks = append(ticks, plot.Tick{Value: r.Row.X, Label: label})
		}
		return ticks
	})
	p.Add(plotter.NewGrid())
	legend := plot.NewLegend()
	legend.Left, legend.Top, legend.ThumbnailWidth = true, true, 30
	legend.TextStyle.Font.Size, legend.Padding = letters-1, 4
	shown := chosen(family)
	for i, contender := range shown {
		points := pointsOf(family, contender)
		l, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		l.Color, l.Dashes, l.Width = colors[i], curveDashes[i], 2
		dots.Color, dots.Shape = colors[i], draw.CircleGlyph{}
		p.Add(l, dots)
		legend.Add(contender, l, dots)
	}
	height := plotHeight + vg.Length(lineHeight*len(shown)+10)
	c := vgsvg.New(curveWidth, height)
	all := draw.New(c)
	p.Draw(draw.Crop(all, 2, -10, height-plotHeight, 0))
	legend.Draw(draw.Crop(all, 10, 0, 0, -plotHeight-6))
	return save(path, c)
}

// chosen returns the contenders to draw: the fastest for the largest x, at most mostOwn of this
// library, which come first.
func chosen(family []harness.Result) (names []string) {
	type one struct {
		name string
		own  bool
		last plotter.XY
	}
	var all []one
	for _, c := range family[0].Cases {
		if points := pointsOf(family, c.Case.Name); len(points) > 1 {
			all = append(all, one{c.Case.Name, c.Case.Lib == harness.Ours, points[len(points)-1]})
		}
	}
	slices.SortStableFunc(all, func(a, b one) int {
		switch {
		case a.own && !b.own:
			return -1
		case b.own && !a.own:
			return 1
		}
		return cmp.Or(cmp.Compare(b.last.X, a.last.X), cmp.Compare(a.last.Y, b.last.Y))
	})
	own := 0
	for _, o := range all {
		if o.own {
			own++
		}
		if !o.own || own <= mostOwn {
			names = append(names, o.name)
		}
	}
	return names[:min(len(names), mostCurves)]
}

// pointsOf returns the median times of a contender in nanoseconds, as far as it took part.
func pointsOf(family []harness.Result, contender string) (points plotter.XYs) {
	for _, r := range family {
		if c, ok := r.Case(contender); ok && len(c.Samples) > 0 {
			points = append(points, plotter.XY{X: r.Row.X, Y: max(c.Median(harness.Wall), 0.01)})
		}
	}
	return points
}

// decades marks each power of ten between two times in nanoseconds, and twice and five times that
// where there are few.
func decades(least, most float64) (ticks []plot.Tick) {
	for e := math.Floor(math.Log10(least)); math.Pow(10, e) <= most; e++ {
		for _, k := range []float64{1, 2, 5} {
			t := plot.Tick{Value: k * math.Pow(10, e)}
			if k == 1 || most < 100*least {
				t.Label = power(t.Value)
			}
			ticks = append(ticks, t)
		}
	}
	return ticks
}

// power writes a round number of nanoseconds as a person would.
func power(ns float64) string {
	switch {
	case ns < 1e3:
		return amount(ns) + " ns"
	case ns < 1e6:
		return amount(ns/1e3) + " µs"
	case ns < 1e9:
		return amount(ns/1e6) + " ms"
	}
	return amount(ns/1e9) + " s"
}
