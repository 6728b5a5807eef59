package inspect

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/slots"
)

// objects are those of a slab.
type objects struct {
	c     *container.File
	order binary.ByteOrder
	size  int
	used  int
}

// newObjects checks the words of a slab file, as opening the slab does.
func newObjects(c *container.File, order string, size int) (*objects, error) {
	s := &objects{c, byteOrder(order), size, 0}
	return s, s.refresh(c.Length())
}

func (s *objects) length() int { return s.used }

func (s *objects) refresh(used int) error {
	there, size, err := s.c.Slots()
	if err != nil {
		return err
	}
	for lo := 0; lo < used; lo += block / 8 {
		words, err := s.words(lo, min(used, lo+block/8))
		if err != nil {
			return err
		}
		for i, word := range words {
			if lo+i >= there && word != 0 {
				return container.CutOff(size, s.at(used))
			}
		}
	}
	s.used = there
	return nil
}

// at returns where slot i is in the file.
func (s *objects) at(i int) int64 {
	return container.WordsEnd(s.c.Capacity()) + int64(i)*int64(s.size)
}

// words reads and checks the words of the slots [lo, hi).
func (s *objects) words(lo, hi int) ([]uint64, error) {
	b := make([]byte, 8*(hi-lo))
	if err := s.c.ReadInto(b, container.DataOffset+8*int64(lo)); err != nil {
		return nil, err
	}
	words := make([]uint64, hi-lo)
	for i := range words {
		words[i] = s.order.Uint64(b[8*i:])
		if _, ok := slots.CheckFileWord(s.c.Salt(), uint32(lo+i), words[i]); !ok {
			return nil, fmt.Errorf("the word of slot %d is %016x: %w", lo+i, words[i], typedmem.ErrCorrupt)
		}
	}
	return words, nil
}

func (s *objects) scan(lo, hi int, f func(Element) bool) error {
	step := max(1, min(block/s.size, hi-lo))
	buf := make([]byte, step*s.size)
	for ; lo < hi; lo += step {
		end := min(lo+step, hi)
		b := buf[:(end-lo)*s.size]
		words, err := s.read(b, lo, end)
		if err != nil {
			return err
		}
		for i, word := range words {
			if !slots.IsLive(word) {
				continue
			}
			e := Element{Index: lo + i, Handle: uint64(slots.Generation(word))<<32 | uint64(lo+i), Bytes: b[i*s.size:][:s.size:s.size]}
			if !f(e) {
				return nil
			}
		}
	}
	return nil
}

// mostReads is how often an object is read while the writer keeps putting others into its slot.
const mostReads = 1000

// read reads the objects of the slots [lo, hi) into b, and returns their words. An object may be
// freed meanwhile, and its slot hold another one: if a word is not the same before and after, the
// slot is read again.
func (s *objects) read(b []byte, lo, hi int) ([]uint64, error) {
	for range mostReads {
		before, err := s.words(lo, hi)
		if err != nil || !slices.ContainsFunc(before, slots.IsLive) {
			return before, err
		}
		if err := s.c.ReadInto(b, s.at(lo)); err != nil {
			return nil, err
		}
		after, err := s.words(lo, hi)
		if err != nil || slices.Equal(before, after) {
			return after, err
		}
		if hi-lo == 1 {
			continue
		}
		for i := range after {
			if after[i] == before[i] {
				continue
			}
			word, err := s.read(b[i*s.size:][:s.size], lo+i, lo+i+1)
			if err != nil {
				return nil, err
			}
			after[i] = word[0]
		}
		return after, nil
	}
	return nil, fmt.Errorf("the writer keeps changing slot %d: %w", lo, typedmem.ErrBusy)
}
