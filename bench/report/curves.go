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
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = name+", log scales", family[0].Row.XOf, "time per "+family[0].Row.Unit
	p.Title.TextStyle.Font.Size = letters
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font.Size, axis.Tick.Label.Font.Size = letters, letters-2
		axis.Scale = plot.LogScale{}
	}
	p.Y.Tick.Marker = plot.TickerFunc(decades)
	p.X.Tick.Marker = plot.TickerFunc(func(float64, float64) (ticks []plot.Tick) {
		for i, r := range family {
			label := ""
			if len(family) < 5 || i == 0 || i > 1 && (len(family)-1-i)%2 == 0 { // more would overlap
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
	p.Y.Min, p.Y.Max = below(p.Y.Min), above(p.Y.Max)
	const height = plotHeight + lineHeight*mostCurves + 10
	c := vgsvg.New(curveWidth, height)
	all := draw.New(c)
	p.Draw(draw.Crop(all, 2, -10, height-plotHeight, -4))
	legend.Draw(draw.Crop(all, 10, 0, 0, -plotHeight-6))
	return save(path, c)
}

// chosen returns the contenders to draw, at most mostCurves: the fastest of this library for the
// largest x, at most mostOwn, then the fastest of another, the floor, and the fastest of the rest.
func chosen(family []harness.Result) (names []string) {
	type one struct {
		harness.CaseResult
		last plotter.XY
	}
	var all []one
	for _, c := range family[0].Cases {
		if points := pointsOf(family, c.Case.Name); len(points) > 1 {
			all = append(all, one{c, points[len(points)-1]})
		}
	}
	slices.SortStableFunc(all, func(a, b one) int {
		return cmp.Or(cmp.Compare(b.last.X, a.last.X), cmp.Compare(a.last.Y, b.last.Y))
	})
	take := func(most int, fits func(one) bool) {
		for i := 0; i < len(all) && most > 0 && len(names) < mostCurves; {
			if !fits(all[i]) {
				i++
				continue
			}
			names, all, most = append(names, all[i].Case.Name), slices.Delete(all, i, i+1), most-1
		}
	}
	own := func(o one) bool { return o.Case.Lib == harness.Ours }
	take(mostOwn, own)
	take(1, func(o one) bool { return !own(o) && o.Case.Lib != "" && o.Case.Lib != "Go" })
	take(1, func(o one) bool { return o.Case.Name == family[0].Row.Floor })
	take(mostCurves, func(o one) bool { return !own(o) && o.Case.Lib != "" })
	return names
}

// below returns the greatest value of one digit, 1, 2 or 5, that is at most x; above the least that
// is at least x.
func below(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	switch {
	case x >= 5*power:
		return 5 * power
	case x >= 2*power:
		return 2 * power
	}
	return power
}

func above(x float64) float64 { return 1 / below(1/x) }

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
			if t.Value < least*0.999 || t.Value > most*1.001 { // it would take room
				continue
			}
			if k == 1 || most <= 200*least {
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
