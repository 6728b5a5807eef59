package slots

import "testing"

// A Load that saw the word before a Store must see another one after it, of the same object.
func TestAStoreChangesTheWord(t *testing.T) {
	for _, generation := range []uint64{3, LastLive} {
		for _, stores := range []uint64{0, 2, 1<<31 - 2, 1<<32 - 2} {
			before := generation<<32 | stores
			after := AfterStore(before | Busy)
			if after == before || after>>32 != generation || after&Busy != 0 {
				t.Errorf("the word %016x becomes %016x", before, after)
			}
			if again := AfterStore(before); again != after {
				t.Errorf("the word %016x becomes %016x, and %016x where it says busy", before, again, after)
			}
		}
	}
}
