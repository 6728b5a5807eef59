package debug

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/typedmem/typedmem"
)

// report is what the page and the JSON show. The package comment describes its fields.
type report struct {
	Program  string
	PID      int
	Time     time.Time
	Stats    typedmem.Stats
	Listed   int
	Resident uint64
	Mappings []mapping
}

// mapping is an entry of the report.
type mapping struct {
	Name, File     string
	Kind, Type     string
	Addr           uintptr
	Len, Cap       int
	Protection     string
	Committed      bool
	Shared         bool
	Pins           int
	Objects, Slots int

	Resident  *int // nil where it is not known
	Estimated bool
	Parts     []float64
	Unknown   string `json:",omitempty"` // why Resident is not known
}

// mostListed is how many mappings are listed when nobody asks for another number.
const mostListed = 200

// look makes a report of at most so many mappings.
func look(most int) report {
	all := typedmem.Mappings()
	r := report{Program: filepath.Base(os.Args[0]), PID: os.Getpid(), Time: time.Now(), Stats: typedmem.ReadStats()}
	// From the same list as the entries, so that they add up.
	r.Stats.Mappings, r.Stats.MappedBytes, r.Stats.ReservedBytes = len(all), 0, 0
	for _, m := range all {
		r.Stats.MappedBytes += uint64(m.Len)
		r.Stats.ReservedBytes += uint64(m.Cap)
	}
	slices.SortStableFunc(all, func(a, b typedmem.MappingInfo) int { return cmp.Compare(b.Len, a.Len) })
	all = all[:min(most, len(all))]
	r.Listed = len(all)
	r.Mappings = make([]mapping, len(all))
	for i, m := range all {
		e := &r.Mappings[i]
		*e = mapping{
			Name: m.Name, File: m.File, Kind: m.Kind, Type: m.Type, Addr: m.Addr, Len: m.Len, Cap: m.Cap,
			Protection: m.Protection.String(), Committed: m.Committed, Shared: m.Shared, Pins: m.Pins, Objects: m.Objects, Slots: m.Slots,
		}
		e.measure(m, mostPages/len(all))
		if e.Resident != nil {
			r.Resident += uint64(*e.Resident)
		}
	}
	return r
}
