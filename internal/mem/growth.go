package mem

// What growth adds at a time is within these bounds, in bytes.
const (
	LeastGrowth = 64 << 10
	mostGrowth  = 64 << 20
)

// GrowthStep returns how many bytes of memory to add to those that are there: a quarter, so that
// the number of system calls grows with the logarithm of the size.
func GrowthStep(there int) int { return min(max(there/4, LeastGrowth), mostGrowth) }
