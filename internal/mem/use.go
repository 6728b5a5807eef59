package mem

// Use says what shows the memory of a mapping. It never changes.
type Use struct {
	Kind  string                      // in a word or two, such as "region"
	Type  string                      // of the elements
	Count func() (objects, slots int) // of a slab, nil for others; it may be called at any time
}
