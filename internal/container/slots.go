package container

import (
	"fmt"
	"math/bits"

	"github.com/typedmem/typedmem"
)

// MostSlots is the greatest capacity of a slab: an index+1 fits 32 bits, with room for guard slots
// after it.
const MostSlots = 1<<32 - 1<<16

// WordsEnd returns where the words of a slab file end and its slots begin: where every system can
// map them.
func WordsEnd(capacity uint64) int64 {
	return DataOffset + int64((capacity*8+DataOffset-1)/DataOffset*DataOffset)
}

// Slots checks the numbers of a slab file. It returns how many of the slots in use the file, of
// size bytes, is long enough for. They are fewer than [File.Length] only where the system may have
// lost the file's growth in a crash; see [CutOff].
func (c *File) Slots() (there int, size int64, err error) {
	capacity, used, slot := c.Capacity(), c.Length(), int64(c.header.elemSize)
	switch {
	case capacity == 0 || capacity > MostSlots:
		return 0, 0, fmt.Errorf("a capacity of %d objects: %w", capacity, typedmem.ErrCorrupt)
	case uint64(used) > capacity:
		return 0, 0, fmt.Errorf("%d slots in use with a capacity of %d: %w", used, capacity, typedmem.ErrCorrupt)
	case bits.UintSize == 32 && capacity > 1<<31-1:
		return 0, 0, fmt.Errorf("a capacity of %d objects does not fit this address space: %w", capacity, typedmem.ErrSize)
	}
	info, err := c.f.Stat()
	if err != nil {
		return 0, 0, err
	}
	room := info.Size() - WordsEnd(capacity)
	there = int(min(int64(used), max(room, 0)/slot))
	if room < 0 || there < used && !c.left.MayMiss() {
		err = CutOff(info.Size(), WordsEnd(capacity)+int64(used)*slot)
	}
	return there, info.Size(), err
}

// CutOff is the error for a slab file of size bytes whose slots end at byte end.
func CutOff(size, end int64) error {
	return fmt.Errorf("%d bytes, its slots end at byte %d: %w; slab.Salvage saves what is left", size, end, typedmem.ErrTruncated)
}
