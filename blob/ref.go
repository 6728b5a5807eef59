package blob

import (
	"encoding/binary"
	"fmt"
)

// Ref names a blob of a [Store]. It is 8 bytes without pointers, so it may be part of any element
// of a region or slab, in memory and in files. The zero Ref names the empty blob of every Store.
//
// A Ref holds where the blob begins and 28 bits of a checksum, the mark. Refs of one Store are
// equal only if they name the same blob; two blobs with equal bytes have different Refs, unless a
// [Table] has made sure that there is one. A later blob has a greater place, but not always a
// greater Ref.
type Ref uint64

// A Ref and the word in front of a blob have the same upper bits, the mark. Below it the Ref has
// the blob's place in units of 8 bytes, and the word the blob's length in bytes.
const (
	lowBits   = 36
	low       = 1<<lowBits - 1
	unit      = 8                  // blobs begin at multiples of it
	maxLength = low                // bytes of a blob
	maxPlace  = uint64(low) * unit // where the last blob may begin
)

func refOf(mark, at uint64) Ref { return Ref(mark<<lowBits | at/unit) }

// at returns where the blob begins, in bytes.
func (r Ref) at() uint64 { return uint64(r) & low * unit }

func (r Ref) mark() uint64 { return uint64(r) >> lowBits }

// String returns 16 hexadecimal digits.
func (r Ref) String() string { return fmt.Sprintf("%016x", uint64(r)) }

// mix is the finalizer of SplitMix64: every bit of x changes about half of the bits of the result.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// seed begins the checksum of a blob of n bytes whose word is at byte at of the store with that
// key. So equal bytes have another mark in another store and at another place.
func seed(key, at, n uint64) uint64 { return mix(mix(key+at) + n) }

// fold continues a checksum with the bytes of b, the last of them filled up with zeros to a
// multiple of 8. Each step is a bijection of the sum and of the word, so a single word that differs
// always changes the sum.
func fold(sum uint64, b []byte) uint64 {
	for ; len(b) >= unit; b = b[unit:] {
		sum = (sum ^ binary.LittleEndian.Uint64(b)) * 0x9E3779B97F4A7C15
		sum ^= sum >> 32
	}
	if len(b) > 0 {
		var last [unit]byte
		copy(last[:], b)
		sum = (sum ^ binary.LittleEndian.Uint64(last[:])) * 0x9E3779B97F4A7C15
		sum ^= sum >> 32
	}
	return sum
}

// markOf returns the mark for a finished checksum.
func markOf(sum uint64) uint64 { return mix(sum) >> lowBits }
