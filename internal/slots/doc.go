// Package slots has the slots of a slab: the words, which say which handles are valid, what the
// race detector is told about the objects, and the pool that slots are allocated from and released
// to. It knows neither the type of the objects nor whether there is a file: a [Backing] does what
// differs.
package slots

// Backing provides the memory of the slots. In a file it also makes durable which objects live.
type Backing interface {
	// Grow provides memory for the slots up to number to; those up to from have some. One goroutine
	// at a time calls it.
	Grow(from, to int) error
	// Arrive brings the memory of these slots in, so that the first store to each does not wait for
	// it. One goroutine at a time calls it.
	Arrive(from, to int) error
	// Record writes the generation of slot i into the file: odd, its object lives; even, it does
	// not. On error the file is as it was.
	Record(i, generation uint32) error
	// After returns the generation of slot i, even, once its object of this generation has ended.
	After(i, generation uint32) uint32
	// Flush makes durable what Record wrote.
	Flush() error
	// Released is called for an object that just ended, before anyone can allocate its slot.
	Released(h uint64)
}
