package debug

import (
	"errors"
	"os"

	"github.com/typedmem/typedmem"
)

const (
	mostPages  = 1 << 20 // to ask the system about in a request: 80 ms
	mostParts  = 64      // of a strip
	perPart    = 4       // samples of a part of a long mapping
	leastPages = perPart * mostParts
)

// resident is typedmem.MappingInfo.
type resident interface {
	Resident(lo, hi int) (bytes int, err error)
}

// measure finds out which parts of a mapping are in memory. It asks about so many pages, or a few.
func (e *mapping) measure(m resident, pages int) {
	page := os.Getpagesize()
	total := (e.Len + page - 1) / page
	n := min(total, mostParts)
	pages = max(pages, leastPages)
	e.Estimated = total > pages
	bytes := 0
	parts := make([]float64, 0, n)
	for i := range n {
		lo, hi := total*i/n*page, min(total*(i+1)/n*page, e.Len)
		share, err := 0.0, error(nil)
		if e.Estimated {
			share, err = sampled(m, lo, hi, page, pages/n)
		} else {
			var in int
			in, err = m.Resident(lo, hi)
			share = float64(in) / float64(hi-lo)
		}
		if err != nil {
			e.Unknown, e.Estimated = reason(err), false
			return
		}
		bytes += int(share*float64(hi-lo) + 0.5)
		parts = append(parts, share)
	}
	e.Resident, e.Parts = &bytes, parts
}

// sampled returns which share of the bytes [lo, hi) is in memory, from samples of so many pages
// together.
func sampled(m resident, lo, hi, page, pages int) (share float64, err error) {
	sample := max(pages/perPart, 1) * page
	step := (hi - lo) / perPart / page * page
	asked, in := 0, 0
	for i := range perPart {
		from := lo + i*step
		to := min(from+sample, hi)
		n, err := m.Resident(from, to)
		if err != nil {
			return 0, err
		}
		asked, in = asked+to-from, in+n
	}
	return float64(in) / float64(asked), nil
}

// reason says in a word or two why nothing is known.
func reason(err error) string {
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return "the system does not tell"
	case errors.Is(err, typedmem.ErrProtection):
		return "not readable"
	case errors.Is(err, typedmem.ErrOperation):
		return "reserved"
	case errors.Is(err, typedmem.ErrClosed), errors.Is(err, typedmem.ErrBounds):
		return "changed meanwhile"
	}
	return err.Error()
}
