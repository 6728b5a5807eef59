package slab

import "testing"

// A Load that saw the word before a Store must see another one after it, of the same object.
func TestAStoreChangesTheWord(t *testing.T) {
	for _, generation := range []uint64{3, lastLive} {
		for _, stores := range []uint64{0, 2, 1<<31 - 2, 1<<32 - 2} {
			before := generation<<32 | stores
			after := stored(before | busy)
			if after == before || after>>32 != generation || after&busy != 0 {
				t.Errorf("the word %016x becomes %016x", before, after)
			}
			if again := stored(before); again != after {
				t.Errorf("the word %016x becomes %016x, and %016x where it says busy", before, again, after)
			}
		}
	}
}
