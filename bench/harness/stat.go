package harness

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Median returns the median of a figure over the rounds, NaN without any.
func (c CaseResult) Median(of func(Sample) float64) float64 { return c.quantile(0.5, of) }

// Spread returns the distance of the quartiles over the median.
func (c CaseResult) Spread(of func(Sample) float64) float64 {
	return (c.quantile(0.75, of) - c.quantile(0.25, of)) / c.Median(of)
}

// Ratio returns the median, over the rounds, of a figure to that of another case in the same round:
// what slows the machine down for longer than a round slows both.
func (c CaseResult) Ratio(to CaseResult, of func(Sample) float64) float64 {
	var ratios []float64
	for i := range min(len(c.Samples), len(to.Samples)) {
		ratios = append(ratios, of(c.Samples[i])/of(to.Samples[i]))
	}
	return Quantile(0.5, ratios)
}

// Least returns the least of a figure over the rounds: what is left where others disturb the
// machine least.
func (c CaseResult) Least(of func(Sample) float64) float64 { return c.quantile(0, of) }

func (c CaseResult) quantile(q float64, of func(Sample) float64) float64 {
	var xs []float64
	for _, s := range c.Samples {
		xs = append(xs, of(s))
	}
	return Quantile(q, xs)
}

// Quantile returns the quantile q of xs, NaN of none. It sorts xs.
func Quantile(q float64, xs []float64) float64 {
	if len(xs) == 0 {
		return math.NaN()
	}
	slices.Sort(xs)
	if q == 0.5 && len(xs)%2 == 1 {
		return xs[len(xs)/2]
	}
	return stat.Quantile(q, stat.LinInterp, xs, nil)
}

// The figures of a sample.
func Wall(s Sample) float64   { return s.Wall }
func CPU(s Sample) float64    { return s.CPU }
func Allocs(s Sample) float64 { return s.Allocs }
func Faults(s Sample) float64 { return s.Faults }
func Peak(s Sample) float64   { return s.Peak }
func Bytes(s Sample) float64  { return s.Bytes }

// Case returns the result of the case with the name.
func (r Result) Case(name string) (CaseResult, bool) {
	i := slices.IndexFunc(r.Cases, func(c CaseResult) bool { return c.Case.Name == name })
	if i < 0 || len(r.Cases[i].Samples) == 0 {
		return CaseResult{}, false
	}
	return r.Cases[i], true
}

// BestOther returns the fastest case of another library than lib that is fair to compare with and
// is not only a floor.
func (r Result) BestOther(lib string) (best CaseResult, ok bool) {
	for _, c := range r.Cases {
		if c.Case.Lib == lib || c.Case.Lib == "" || c.Case.Note != "" || len(c.Samples) == 0 {
			continue
		}
		if !ok || c.Median(Wall) < best.Median(Wall) {
			best, ok = c, true
		}
	}
	return best, ok
}
