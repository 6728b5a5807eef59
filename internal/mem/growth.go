package mem

// Bounds of what growth adds at once, in bytes.
const (
	LeastGrowth  = 64 << 10
	leastArrival = 16 << 10
	mostGrowth   = 64 << 20
	MostPresent  = 1 << 20 // where the pages are brought in too
)

// GrowthStep returns how many bytes to add to the present memory: a quarter, so that the number of
// system calls grows with the logarithm of the size.
func GrowthStep(there int) int { return min(max(there/4, LeastGrowth), mostGrowth) }

// ArrivalStep returns how many bytes of a file to bring in for growth at once, by one system call
// in place of a fault for every page. A small file gets few, since the device gets them all.
func ArrivalStep(there int) int { return min(max(there/4, leastArrival), MostPresent) }

// GrowthPresent returns how many bytes to add to anonymous memory whose new pages are brought in at
// once: one call in place of a fault for every page, and the pages are still in the cache when they
// are written. ok is false for memory so small that faults are cheaper.
func GrowthPresent(there int) (step int, ok bool) {
	return min(max(there/32, LeastGrowth), MostPresent), there >= MostPresent
}
