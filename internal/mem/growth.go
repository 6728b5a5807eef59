package mem

// Bounds of what growth adds at once, in bytes.
const (
	LeastGrowth = 64 << 10
	mostGrowth  = 64 << 20
)

// GrowthStep returns how many bytes to add to the present memory: a quarter, so that the number of
// system calls grows with the logarithm of the size.
func GrowthStep(there int) int { return min(max(there/4, LeastGrowth), mostGrowth) }
