package region

// Bool8 is a truth value of one byte for memory that others may write: any byte that is not 0 is
// true. A Go bool would have to be 0 or 1.
type Bool8 uint8

// Get reports whether b is true.
func (b Bool8) Get() bool { return b != 0 }

// Set sets b to x, as 1 or 0.
func (b *Bool8) Set(x bool) {
	*b = 0
	if x {
		*b = 1
	}
}
