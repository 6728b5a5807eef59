package inspect

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/blobs"
	"github.com/typedmem/typedmem/internal/container"
)

const (
	window = 32 << 10 // bytes that are read at once to find blobs
	large  = 1 << 20  // from here on a blob is checked before memory for it is allocated
	every  = 64       // of how many blobs the place of one is kept
)

// texts are the blobs of a blob file. Only the word of each blob says where the next one is, so
// their places are found from the beginning, once.
type texts struct {
	c   *container.File
	key uint64

	mu     sync.Mutex
	end    int   // of the store, bytes
	places []int // of the words of the blobs 0, every, 2*every, …
	n      int   // how many blobs are known
	next   int   // where the word after them is
	failed error // why there are no more, where the store has more bytes
}

func newTexts(c *container.File, n int) (*texts, error) {
	s := &texts{c: c, next: blobs.First, end: n}
	var head [blobs.First]byte
	err := c.ReadInto(head[:], container.DataOffset)
	if err == nil {
		s.key, err = blobs.CheckHeader(head[:], n)
	}
	return s, err
}

func (s *texts) refresh(n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n < s.end {
		return fmt.Errorf("it had %d bytes and has %d: %w", s.end, n, typedmem.ErrTruncated)
	}
	s.end, s.failed = n, nil
	return nil
}

func (s *texts) length() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := words{s: s}
	for s.next < s.end && s.failed == nil {
		word, err := w.at(s.next)
		var n uint64
		if err == nil {
			n, err = blobs.Length(word, s.next, s.end)
		}
		if err != nil {
			s.failed = err
			break
		}
		if s.n%every == 0 {
			s.places = append(s.places, s.next)
		}
		s.n++
		s.next += blobs.Unit + int(blobs.Filled(n))
	}
	return s.n
}

// begin returns the place of the last blob up to i that is kept, the blob's number, where the store
// ends, and why no blob follows the last one.
func (s *texts) begin(i int) (place, first, end, n int, failed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := min(i/every, len(s.places)-1)
	return s.places[k], k * every, s.end, s.n, s.failed
}

func (s *texts) scan(lo, hi int, f func(Element) bool) error {
	if lo == hi && lo < s.length() {
		return nil
	}
	if s.length() == 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.failed
	}
	at, i, end, n, failed := s.begin(lo)
	w := words{s: s}
	var buf []byte
	for ; i < hi; i++ {
		word, err := w.at(at)
		if err != nil {
			return err
		}
		length, err := blobs.Length(word, at, end)
		if err != nil {
			return err
		}
		if i >= lo {
			if buf, err = s.content(buf, at, length, word>>blobs.LowBits); err != nil {
				return err
			}
			if !f(Element{Index: i, Handle: blobs.Ref(word>>blobs.LowBits, uint64(at)), Bytes: buf[:length:length]}) {
				return nil
			}
		}
		at += blobs.Unit + int(blobs.Filled(length))
	}
	if hi == n {
		return failed
	}
	return nil
}

// content reads the bytes of the blob whose word is at byte at into buf, or into a longer slice,
// and compares them with its mark.
func (s *texts) content(buf []byte, at int, length, mark uint64) ([]byte, error) {
	seed, from := blobs.Seed(s.key, uint64(at), length), int64(at)+blobs.Unit
	damaged := fmt.Errorf("the blob %016x is damaged: %w", blobs.Ref(mark, uint64(at)), typedmem.ErrCorrupt)
	if uint64(cap(buf)) < length && length >= large {
		part, sum := make([]byte, window), seed
		for done := uint64(0); done < length; done += window {
			b := part[:min(window, length-done)]
			if err := s.c.ReadInto(b, container.DataOffset+from+int64(done)); err != nil {
				return buf, err
			}
			sum = blobs.Fold(sum, b)
		}
		if blobs.MarkOf(sum) != mark {
			return buf, damaged
		}
	}
	if uint64(cap(buf)) < length {
		buf = make([]byte, max(length, window))
	}
	b := buf[:length]
	if err := s.c.ReadInto(b, container.DataOffset+from); err != nil {
		return buf, err
	}
	if blobs.MarkOf(blobs.Fold(seed, b)) != mark {
		return buf, damaged
	}
	return buf, nil
}

// words reads words of a store in ascending order, many with one call.
type words struct {
	s    *texts
	b    []byte
	from int // where b is in the store
}

func (w *words) at(at int) (uint64, error) {
	if at < w.from || at+blobs.Unit > w.from+len(w.b) {
		info, err := w.s.c.Handle().Stat()
		if err != nil {
			return 0, err
		}
		if w.b == nil {
			w.b = make([]byte, window)
		}
		rest := info.Size() - container.DataOffset - int64(at)
		w.b, w.from = w.b[:max(blobs.Unit, min(window, rest))], at
		if err := w.s.c.ReadInto(w.b, container.DataOffset+int64(at)); err != nil {
			w.b = w.b[:0]
			return 0, err
		}
	}
	return binary.LittleEndian.Uint64(w.b[at-w.from:]), nil
}
