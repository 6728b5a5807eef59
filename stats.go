package typedmem

import "sync/atomic"

// Stats counts what the package holds in this process.
type Stats struct {
	Mappings      int    // open
	MappedBytes   uint64 // their lengths, together
	ReservedBytes uint64 // their capacities, together: addresses, of which a part has memory
	HeldBytes     uint64 // addresses of closed mappings, kept until no view of them is left
	Faults        uint64 // memory faults that Guard has caught since the program began
}

var faultCount atomic.Uint64

// ReadStats returns the counts of this instant. For those of mappings it looks at each one, as
// [Mappings] does.
func ReadStats() Stats {
	s := Stats{HeldBytes: heldBytes(), Faults: faultCount.Load()}
	for _, l := range openLimits() {
		if info, ok := infoOf(l); ok {
			s.Mappings++
			s.MappedBytes += uint64(info.Len)
			s.ReservedBytes += uint64(info.Cap)
		}
	}
	return s
}
