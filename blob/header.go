package blob

import (
	"encoding/binary"
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/blobs"
	"github.com/typedmem/typedmem/region"
)

// readHeader checks that the region holds a store, and takes the key from it. An empty region is a
// store whose writer has not begun.
func (s *Store) readHeader() error {
	all := s.region.View()
	n := all.Len()
	if n == 0 {
		return nil
	}
	var head [blobs.First]byte
	if err := s.bring(0, min(n, blobs.First)); err != nil {
		return err
	}
	key, err := blobs.CheckHeader(head[:all.CopyTo(head[:])], n)
	if err != nil {
		return err
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
	if end <= blobs.First {
		return nil
	}
	var buf [piece]byte
	for budget, hi := 4*int64(end), end; hi > blobs.First; {
		lo := max(blobs.First, hi-piece)
		if err := s.bring(lo, hi); err != nil {
			return err
		}
		part, err := all.Sub(lo, hi)
		if err != nil {
			return err
		}
		part.CopyTo(buf[:])
		for at := hi - blobs.Unit; at >= lo; at -= blobs.Unit {
			word := binary.LittleEndian.Uint64(buf[at-lo:])
			n := word & blobs.Low
			if n == 0 || n > uint64(end-at-blobs.Unit) || blobs.Filled(n) != uint64(end-at-blobs.Unit) {
				continue
			}
			if budget -= int64(n); budget < 0 {
				return errNotWhole
			}
			content, err := all.Sub(at+blobs.Unit, at+blobs.Unit+int(n))
			if err != nil {
				return err
			}
			sum, err := s.sum(content, uint64(at))
			if err != nil {
				return err
			}
			if blobs.MarkOf(sum) == word>>blobs.LowBits {
				return nil
			}
		}
		hi = lo
	}
	return errNotWhole
}

var errNotWhole = fmt.Errorf("no blob ends where the file ends, as if it was cut off; blob.Open reads it, and All yields the blobs that are left: %w", typedmem.ErrCorrupt)

// word returns the word at byte at of the store.
func word(all region.View[byte], at int) (uint64, error) {
	var b [blobs.Unit]byte
	v, err := all.Sub(at, at+blobs.Unit)
	if err != nil {
		return 0, err
	}
	v.CopyTo(b[:])
	return binary.LittleEndian.Uint64(b[:]), nil
}
