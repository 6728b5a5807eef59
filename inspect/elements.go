package inspect

import (
	"github.com/typedmem/typedmem/internal/container"
)

// block is how many bytes are read at once, where an element has no more.
const block = 256 << 10

// elements are those of a region.
type elements struct {
	c    *container.File
	size int
	n    int
}

func (s *elements) length() int { return s.n }

func (s *elements) refresh(n int) error {
	s.n = n
	return nil
}

func (s *elements) scan(lo, hi int, f func(Element) bool) error {
	step := max(1, min(block/s.size, hi-lo))
	buf := make([]byte, step*s.size)
	for ; lo < hi; lo += step {
		b := buf[:min(step, hi-lo)*s.size]
		if err := s.c.ReadInto(b, container.DataOffset+int64(lo)*int64(s.size)); err != nil {
			return err
		}
		for i := lo; len(b) > 0; i++ {
			if !f(Element{Index: i, Bytes: b[:s.size:s.size]}) {
				return nil
			}
			b = b[s.size:]
		}
	}
	return nil
}
