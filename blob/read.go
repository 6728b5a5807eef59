package blob

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/blobs"
	"github.com/typedmem/typedmem/region"
)

const (
	piece = 256     // bytes that are copied to the stack at once, a multiple of unit
	large = 1 << 20 // from here on a blob is checked before memory for it is allocated
)

// ErrNoBlob is why a Ref that names no blob of the store is refused: it was made up, belongs to
// another store, was lost in a system crash, or was appended by a writer after the last Refresh.
var ErrNoBlob = errors.New("no blob of this store")

// View returns the bytes of a blob as a read-only view of the store's memory, valid until Close. It
// reads all of them once, to compare them with the mark.
//
//   - [ErrNoBlob]: the Ref names nothing in this store.
//   - [typedmem.ErrCorrupt]: the blob is damaged.
//   - [typedmem.ErrTruncated], or the system's error: the file cannot be read there.
//   - [typedmem.ErrClosed]: the store is closed.
func (s *Store) View(r Ref) (v region.View[byte], err error) {
	err = caught(func() (err error) {
		v, err = s.find(r)
		if err == nil {
			err = s.verify(v, r)
		}
		return err
	})
	if err != nil {
		return region.View[byte]{}, s.failed("view", err)
	}
	return v.ReadOnly(), nil
}

// AppendTo appends the bytes of a blob to dst and returns the longer slice. It allocates only if
// dst has too little capacity. On error, one of those of [Store.View], it returns dst as it was.
//
// To look a blob up in a map[string]T without an allocation, write m[string(b)] with the b that
// AppendTo returned.
func (s *Store) AppendTo(dst []byte, r Ref) ([]byte, error) {
	longer := dst
	err := caught(func() error {
		v, err := s.find(r)
		if err == nil {
			err = s.beforeAllocating(v, r)
		}
		if err != nil {
			return err
		}
		longer = slices.Grow(dst, v.Len())[:len(dst)+v.Len()]
		return s.copyTo(longer[len(dst):], v, r)
	})
	if err != nil {
		return dst, s.failed("append to", err)
	}
	return longer, nil
}

// Text returns the bytes of a blob as a string, a copy. It returns the errors of [Store.View].
func (s *Store) Text(r Ref) (text string, err error) {
	err = caught(func() error {
		v, err := s.find(r)
		if err != nil {
			return err
		}
		if v.Len() <= piece {
			var short [piece]byte
			err = s.copyTo(short[:v.Len()], v, r)
			text = string(short[:v.Len()])
			return err
		}
		if err := s.beforeAllocating(v, r); err != nil {
			return err
		}
		b := make([]byte, v.Len())
		err = s.copyTo(b, v, r)
		// SAFETY: a string must never change, and nobody else has b.
		text = unsafe.String(unsafe.SliceData(b), len(b))
		return err
	})
	if err != nil {
		return "", s.failed("text", err)
	}
	return text, nil
}

// beforeAllocating verifies a blob that is so large that memory for it should not be allocated in
// vain.
func (s *Store) beforeAllocating(v region.View[byte], r Ref) error {
	if v.Len() < large {
		return nil
	}
	return s.verify(v, r)
}

// copyTo copies the bytes of a blob and compares the copy with the mark.
func (s *Store) copyTo(b []byte, v region.View[byte], r Ref) error {
	v.CopyTo(b)
	if r != 0 && blobs.MarkOf(blobs.Fold(blobs.Seed(s.key.Load(), r.at(), uint64(len(b))), b)) != r.mark() {
		return damaged(r)
	}
	return nil
}

// Equal reports whether the blob has the bytes of text. It is false where [Store.View] would return
// an error. It allocates nothing.
func (s *Store) Equal(r Ref, text string) bool {
	err := caught(func() error {
		v, err := s.find(r)
		if err != nil {
			return err
		}
		if !same(v, text) {
			return errDiffers
		}
		return s.verify(v, r)
	})
	return err == nil
}

var errDiffers = errors.New("other bytes")

// same reports whether the bytes of v are those of x.
func same[T string | []byte](v region.View[byte], x T) bool {
	if v.Len() != len(x) {
		return false
	}
	var buf [piece]byte
	for at := 0; at < len(x); at += piece {
		n := min(piece, len(x)-at)
		part, err := v.Sub(at, at+n)
		if err != nil {
			return false
		}
		part.CopyTo(buf[:])
		if string(buf[:n]) != string(x[at:at+n]) {
			return false
		}
	}
	return true
}

// find returns where the bytes of a blob are, and has them in memory. The Ref has the mark of the
// word in front of them, and they lie within the store; whether they have it too, verify tells.
func (s *Store) find(r Ref) (v region.View[byte], err error) {
	memory, err := s.open()
	if err != nil {
		return v, err
	}
	if r == 0 {
		return memory.Sub(0, 0)
	}
	all, at := memory.View(), r.at()
	if n := uint64(all.Len()); at < blobs.First || at >= n || n-at < blobs.Unit || s.key.Load() == 0 {
		if _, err := memory.Sub(0, 0); err != nil { // it is closed
			return v, err
		}
		return v, fmt.Errorf("%v is byte %d of a store of %d bytes: %w", r, at, n, ErrNoBlob)
	}
	if err := s.bring(int(at), int(at)+blobs.Unit); err != nil {
		return v, err
	}
	w, err := word(all, int(at))
	if err != nil {
		return v, err
	}
	n := w & blobs.Low
	switch {
	case w>>blobs.LowBits != r.mark():
		return v, fmt.Errorf("%v: its mark differs from that of byte %d; it is made up, of another store, or lost: %w", r, at, ErrNoBlob)
	case n == 0, n > uint64(all.Len())-at-blobs.Unit:
		return v, fmt.Errorf("%v: %d bytes from byte %d of a store of %d bytes: %w", r, n, at, all.Len(), typedmem.ErrCorrupt)
	}
	lo := int(at) + blobs.Unit
	if err := s.bring(lo, lo+int(n)); err != nil {
		return v, err
	}
	return all.Sub(lo, lo+int(n))
}

// verify compares the bytes of a blob with the mark of its Ref.
func (s *Store) verify(v region.View[byte], r Ref) error {
	if r == 0 {
		return nil
	}
	sum, err := s.sum(v, r.at())
	if err == nil && blobs.MarkOf(sum) != r.mark() {
		err = damaged(r)
	}
	return err
}

func damaged(r Ref) error {
	return fmt.Errorf("%v: the bytes do not have its mark: %w", r, typedmem.ErrCorrupt)
}

// sum returns the checksum of the bytes of a blob whose word is at byte at. It copies them in
// pieces, since others may be changing the memory.
func (s *Store) sum(v region.View[byte], at uint64) (uint64, error) {
	var buf [piece]byte
	n := v.Len()
	sum := blobs.Seed(s.key.Load(), at, uint64(n))
	for lo := 0; lo < n; lo += piece {
		hi := min(n, lo+piece)
		part, err := v.Sub(lo, hi)
		if err != nil {
			return 0, err
		}
		part.CopyTo(buf[:])
		sum = blobs.Fold(sum, buf[:hi-lo])
	}
	return sum, nil
}
