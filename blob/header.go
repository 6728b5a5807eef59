package blob

import (
	"encoding/binary"
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
)

const (
	magic = "\x89TMBLOB\n"
	first = 16 // where the first blob begins: after the magic number and the key
)

// header returns the first bytes of a store.
func header(key uint64) []byte { return binary.LittleEndian.AppendUint64([]byte(magic), key) }

// readHeader checks that the region holds a store, and takes the key from it. An empty region is a
// store whose writer has not begun.
func (s *Store) readHeader() error {
	all := s.region.View()
	n := all.Len()
	if n == 0 {
		return nil
	}
	var head [first]byte
	if err := s.bring(0, min(n, first)); err != nil {
		return err
	}
	switch got := all.CopyTo(head[:]); {
	case got < first, string(head[:len(magic)]) != magic:
		return fmt.Errorf("it is a region of bytes that are no blobs; open it with region.Open[byte]: %w", typedmem.ErrLayout)
	case n%unit != 0:
		return fmt.Errorf("its %d bytes are no multiple of %d, as if it was cut off: %w", n, unit, typedmem.ErrCorrupt)
	}
	key := binary.LittleEndian.Uint64(head[len(magic):])
	if key == 0 {
		return fmt.Errorf("its key is 0: %w", typedmem.ErrCorrupt)
	}
	s.key.Store(key)
	return nil
}

// endsWhole returns ErrCorrupt unless a blob ends where the store ends. It looks for the word of
// the last blob from the end: the one whose length leads there, and whose mark is right. Bytes of a
// blob may look like such a word; the bytes that this makes it read in vain are limited, since a
// hostile file could consist of them.
func (s *Store) endsWhole() error {
	all := s.region.View()
	end := all.Len()
	if end <= first {
		return nil
	}
	var buf [piece]byte
	for budget, hi := 4*int64(end), end; hi > first; {
		lo := max(first, hi-piece)
		if err := s.bring(lo, hi); err != nil {
			return err
		}
		part, err := all.Sub(lo, hi)
		if err != nil {
			return err
		}
		part.CopyTo(buf[:])
		for at := hi - unit; at >= lo; at -= unit {
			word := binary.LittleEndian.Uint64(buf[at-lo:])
			n := word & low
			if n == 0 || n > uint64(end-at-unit) || filled(n) != uint64(end-at-unit) {
				continue
			}
			if budget -= int64(n); budget < 0 {
				return errNotWhole
			}
			content, err := all.Sub(at+unit, at+unit+int(n))
			if err != nil {
				return err
			}
			sum, err := s.sum(content, uint64(at))
			if err != nil {
				return err
			}
			if markOf(sum) == word>>lowBits {
				return nil
			}
		}
		hi = lo
	}
	return errNotWhole
}

var errNotWhole = fmt.Errorf("no blob ends where the file ends, as if it was cut off; blob.Open reads it, and All yields the blobs that are left: %w", typedmem.ErrCorrupt)

// filled returns the bytes that the n bytes of a blob take.
func filled(n uint64) uint64 { return (n + unit - 1) &^ (unit - 1) }

// word returns the word at byte at of the store.
func word(all region.View[byte], at int) (uint64, error) {
	var b [unit]byte
	v, err := all.Sub(at, at+unit)
	if err != nil {
		return 0, err
	}
	v.CopyTo(b[:])
	return binary.LittleEndian.Uint64(b[:]), nil
}
