package slots

// A snapshot is a slab of its own, with a new salt, in which the handles of its origin are valid.
// So it has words of both: an object that is there from the beginning keeps its generation, which
// may be below the first one under the new salt, and its word says so by another checksum. Once the
// object has ended, the slot goes on with a generation that the origin does not come to, except by
// chance.

// InheritedWord returns the word that a snapshot has for slot i while it holds the object of its
// origin that has this generation.
func InheritedWord(salt uint64, i, generation uint32) uint64 {
	return FileWord(^salt, i, generation)
}

// CheckFileWord reports whether a word of a file is one that FileWord or InheritedWord makes, or
// that of a slot that never held an object.
func CheckFileWord(salt uint64, i uint32, word uint64) (inherited, ok bool) {
	g := Generation(word)
	switch {
	case word == 0 || word == FileWord(salt, i, g) && FirstGeneration(salt, i) <= g && g <= Retired:
		return false, true
	case IsLive(word) && word == InheritedWord(salt, i, g) && g <= LastLive:
		return true, true
	}
	return false, false
}

// Continue returns the generation, even, with which slot i goes on in a snapshot of this salt after
// it had a generation in its origin. It is no smaller than that, so no handle of an object that was
// freed becomes valid again, and not below the first one of the salt. Half of the generations that
// are left remain at the least.
func Continue(salt uint64, i, generation uint32) uint32 {
	first := FirstGeneration(salt, i)
	if first > generation {
		return first
	}
	even := generation + generation&1
	objects := uint64(Retired-even) / 2
	return even + 2*uint32(mix(salt^mix(uint64(generation)<<32+uint64(i)))%(objects/2+1))
}
