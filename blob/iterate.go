package blob

import (
	"errors"
	"fmt"
	"iter"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/region"
)

// All yields each blob that the store has when the loop begins, in the order of Append, as
// [Store.View] returns it. At a blob that is damaged, or cannot be read, the loop ends, since
// nothing tells where the next one begins; [Store.Check] returns the reason. If the store is closed
// it panics with [typedmem.ErrClosed].
func (s *Store) All() iter.Seq2[Ref, region.View[byte]] {
	return func(yield func(Ref, region.View[byte]) bool) {
		err := s.walk(first, func(r Ref, v region.View[byte], _ int) bool { return yield(r, v.ReadOnly()) })
		if errors.Is(err, typedmem.ErrClosed) {
			panic(shell.Fail("all", err))
		}
	}
}

// Check reads the whole store and compares each blob with its mark. It returns nil if all are as
// they were appended, and else the error of the first one that is not.
func (s *Store) Check() error {
	return s.failed("check", s.walk(first, func(Ref, region.View[byte], int) bool { return true }))
}

// walk calls f for each blob from byte at on, with the place of the next one, until f returns
// false.
func (s *Store) walk(at int, f func(r Ref, v region.View[byte], next int) bool) error {
	memory, err := s.open()
	if err != nil {
		return err
	}
	all, err := memory.Sub(0, memory.Len())
	if err != nil {
		return err
	}
	for at < all.Len() {
		var r Ref
		var v region.View[byte]
		err := caught(func() (err error) {
			r, v, err = s.blobAt(all, at)
			return err
		})
		if err != nil {
			return err
		}
		at += unit + int(filled(uint64(v.Len())))
		if !f(r, v, at) {
			return nil
		}
	}
	return nil
}

// blobAt returns the blob whose word is at byte at.
func (s *Store) blobAt(all region.View[byte], at int) (Ref, region.View[byte], error) {
	var none region.View[byte]
	if err := s.bring(at, at+unit); err != nil {
		return 0, none, err
	}
	w, err := word(all, at)
	if err != nil {
		return 0, none, err
	}
	n := w & low
	if n == 0 || n > uint64(all.Len()-at-unit) {
		return 0, none, fmt.Errorf("a blob of %d bytes at byte %d of a store of %d bytes: %w", n, at, all.Len(), typedmem.ErrCorrupt)
	}
	lo := at + unit
	if err := s.bring(lo, lo+int(n)); err != nil {
		return 0, none, err
	}
	v, err := all.Sub(lo, lo+int(n))
	if err != nil {
		return 0, none, err
	}
	r := refOf(w>>lowBits, uint64(at))
	return r, v, s.verify(v, r)
}
