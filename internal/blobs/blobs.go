// Package blobs is the form of a blob file's data: a magic number and a key, then blobs, each after
// a word. FORMAT.md documents the bytes.
package blobs

import (
	"encoding/binary"
	"fmt"

	"github.com/typedmem/typedmem"
)

const (
	Magic = "\x89TMBLOB\n"
	First = 16 // where the first blob begins: after the magic number and the key
)

// A Ref and the word in front of a blob have the same upper bits, the mark. Below it the Ref has
// the blob's place in units of 8 bytes, and the word the blob's length in bytes.
const (
	LowBits   = 36
	Low       = 1<<LowBits - 1
	Unit      = 8                  // blobs begin at multiples of it
	MaxLength = Low                // bytes of a blob
	MaxPlace  = uint64(Low) * Unit // where the last blob may begin
)

// Header returns the first bytes of a store.
func Header(key uint64) []byte { return binary.LittleEndian.AppendUint64([]byte(Magic), key) }

// CheckHeader checks the first bytes of a store of n bytes, of which there are up to First, and
// returns its key.
func CheckHeader(head []byte, n int) (key uint64, err error) {
	switch {
	case len(head) < First, string(head[:len(Magic)]) != Magic:
		return 0, fmt.Errorf("it is a region of bytes that are no blobs; open it with region.Open[byte]: %w", typedmem.ErrLayout)
	case n%Unit != 0:
		return 0, fmt.Errorf("its %d bytes are no multiple of %d, as if it was cut off: %w", n, Unit, typedmem.ErrCorrupt)
	}
	if key = binary.LittleEndian.Uint64(head[len(Magic):]); key == 0 {
		return 0, fmt.Errorf("its key is 0: %w", typedmem.ErrCorrupt)
	}
	return key, nil
}

// Length returns the length in a word, which is at byte at of a store of n bytes. The error is that
// of a word whose blob does not fit there.
func Length(word uint64, at, n int) (uint64, error) {
	length := word & Low
	if length == 0 || length > uint64(n-at-Unit) {
		return 0, fmt.Errorf("a blob of %d bytes at byte %d of a store of %d bytes: %w", length, at, n, typedmem.ErrCorrupt)
	}
	return length, nil
}

// Ref returns the Ref of the blob whose word is at byte at.
func Ref(mark, at uint64) uint64 { return mark<<LowBits | at/Unit }

// Filled returns the bytes that the n bytes of a blob take.
func Filled(n uint64) uint64 { return (n + Unit - 1) &^ (Unit - 1) }

// mix is the finalizer of SplitMix64: every bit of x changes about half of the bits of the result.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// Seed begins the checksum of a blob of n bytes whose word is at byte at of the store with that
// key. So equal bytes have another mark in another store and at another place.
func Seed(key, at, n uint64) uint64 { return mix(mix(key+at) + n) }

// Fold continues a checksum with the bytes of b, the last of them filled up with zeros to a
// multiple of 8. Each step is a bijection of the sum and of the word, so a single word that differs
// always changes the sum.
func Fold(sum uint64, b []byte) uint64 {
	for ; len(b) >= Unit; b = b[Unit:] {
		sum = (sum ^ binary.LittleEndian.Uint64(b)) * 0x9E3779B97F4A7C15
		sum ^= sum >> 32
	}
	if len(b) > 0 {
		var last [Unit]byte
		copy(last[:], b)
		sum = (sum ^ binary.LittleEndian.Uint64(last[:])) * 0x9E3779B97F4A7C15
		sum ^= sum >> 32
	}
	return sum
}

// MarkOf returns the mark for a finished checksum.
func MarkOf(sum uint64) uint64 { return mix(sum) >> LowBits }
