package typedmem

import (
	"math"
	"math/bits"

	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// Where nobody names a capacity the addresses that are set aside for growth go by what there is.
// The mappings of this package take at most half of the address space, or of what RLIMIT_AS leaves
// beside the rest of the program, and each takes a small part of what is left of that half: the
// first 2,048 get 16 GiB each on the usual 64-bit systems, the next 2,048 half of that, and so on:
// the ten thousandth still gets 1 GiB.
const (
	mostSpare  = uint64(16 << 30)
	leastSpare = 64 << 10
	usualSpare = 64 << 20 // what the first mapping gets in a small address space
	mostParts  = 2048
	leastParts = 32
)

// followerRoom is the least capacity in bytes of a mapping that follows a file, as far as addresses
// go.
const followerRoom = 1 << 20

// growing returns the capacity in bytes of a mapping of size bytes for which none was named. One
// that follows a file, and moves on to a larger range when that is not enough, gets twice its size.
func growing(size int, follows bool) int {
	share, ours := addressShare()
	spare := defaultSpare(share, ours, uint64(size))
	if follows {
		spare = min(spare, uint64(max(size, followerRoom-size)))
	}
	total, ok := num.Add(size, int(min(spare, math.MaxInt)))
	if !ok {
		return size
	}
	return total
}

// addressShare returns how many bytes of addresses this package may take for growth, and how many
// it has now. Nothing is read from the system but the limit, unless one is set.
func addressShare() (share, ours uint64) {
	ours = reservedBytes()
	limit, used, limited := sys.AddressLimit()
	if !limited {
		return sys.AddressSpace() / 2, ours
	}
	others := used - min(used, ours)
	limit = min(limit, sys.AddressSpace())
	return (limit - min(limit, others)) / 2, ours
}

// defaultSpare returns how many bytes of addresses after its size a mapping gets for growth: a part
// of what is left of the share, a power of two so that equal mappings get equal capacities, or 15
// times the size where that is more and within a sixteenth of what is left.
func defaultSpare(share, ours, size uint64) uint64 {
	left := share - min(share, ours)
	parts := min(max(share/(2*usualSpare), leastParts), mostParts)
	spare := uint64(0)
	if part := left / parts; part > 0 {
		spare = min(uint64(1)<<(bits.Len64(part)-1), mostSpare)
	}
	if hi, many := bits.Mul64(size, 15); hi == 0 {
		spare = max(spare, min(many, left/16))
	} else {
		spare = max(spare, left/16)
	}
	return max(spare, leastSpare)
}

// afterRefusal is what is asked for after so much spare capacity was refused. Where addresses are
// plenty it is little at once: something else stands against it than their number.
func afterRefusal(spare uint64) uint64 {
	if spare <= usualSpare {
		return spare / 16
	}
	return spare / 1024
}

// lessCapacity asks for less spare capacity after a refusal; it returns false when there is none.
func (p *plan) lessCapacity(refusal error) bool {
	unit := max(p.unit, sys.Granularity())
	least, ok := num.Up(num.AddOrMax(p.least, p.delta), unit)
	if !ok || p.reserved <= least {
		return false
	}
	spare := int(afterRefusal(uint64(p.reserved - least)))
	if sys.OutOfLocks(refusal) { // addresses without memory count as locked too
		left, ok := sys.LockRoom()
		if !ok {
			spare = 0
		}
		spare = int(min(uint64(spare), left/64))
	}
	if spare < leastSpare {
		spare = 0
	}
	p.reserved = least + num.Down(spare, unit)
	return true
}
