package blob

import (
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/blobs"
)

// Ref names a blob of a [Store]. It is 8 bytes without pointers, so it may be part of any element
// of a region or slab, in memory and in files. The zero Ref names the empty blob of every Store.
//
// A Ref holds where the blob begins and 28 bits of a checksum, the mark. Refs of one Store are
// equal only if they name the same blob; two blobs with equal bytes have different Refs, unless a
// [Table] has made sure that there is one. A later blob has a greater place, but not always a
// greater Ref.
type Ref uint64

// fits returns an error if a blob of n bytes cannot begin at byte at of a store.
func fits(at, n uint64) error {
	switch {
	case n > blobs.MaxLength:
		return fmt.Errorf("a blob of %d bytes, the longest has %d; append it in parts: %w", n, uint64(blobs.MaxLength), typedmem.ErrSize)
	case at > blobs.MaxPlace:
		return fmt.Errorf("a blob after %d bytes, the last one begins at %d; begin another store: %w", at, blobs.MaxPlace, typedmem.ErrSize)
	}
	return nil
}

func refOf(mark, at uint64) Ref { return Ref(blobs.Ref(mark, at)) }

// at returns where the blob begins, in bytes.
func (r Ref) at() uint64 { return uint64(r) & blobs.Low * blobs.Unit }

func (r Ref) mark() uint64 { return uint64(r) >> blobs.LowBits }

// String returns 16 hexadecimal digits.
func (r Ref) String() string { return fmt.Sprintf("%016x", uint64(r)) }
