package blob

import (
	"errors"
	"iter"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/blobs"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/region"
)

// All yields each blob that the store has when the loop begins, in the order of Append, as
// [Store.View] returns it. It waits for an Append of another goroutine. At a blob that is damaged,
// or cannot be read, the loop ends, since nothing tells where the next one begins; [Store.Check]
// returns the reason. If the store is closed it panics with [typedmem.ErrClosed].
func (s *Store) All() iter.Seq2[Ref, region.View[byte]] {
	return func(yield func(Ref, region.View[byte]) bool) {
		end := s.settled()
		err := s.walk(blobs.First, func(r Ref, v region.View[byte], next int) bool {
			return next <= end && yield(r, v.ReadOnly())
		})
		if errors.Is(err, typedmem.ErrClosed) {
			panic(shell.Fail("all", err))
		}
	}
}

// Check reads the whole store and compares each blob with its mark. It returns nil if all are as
// they were appended, and else the error of the first one that is not.
func (s *Store) Check() error {
	return s.failed("check", s.walk(blobs.First, func(Ref, region.View[byte], int) bool { return true }))
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
		at += blobs.Unit + int(blobs.Filled(uint64(v.Len())))
		if !f(r, v, at) {
			return nil
		}
	}
	return nil
}

// blobAt returns the blob whose word is at byte at.
func (s *Store) blobAt(all region.View[byte], at int) (Ref, region.View[byte], error) {
	var none region.View[byte]
	if err := s.bring(at, at+blobs.Unit); err != nil {
		return 0, none, err
	}
	w, err := word(all, at)
	if err != nil {
		return 0, none, err
	}
	n, err := blobs.Length(w, at, all.Len())
	if err != nil {
		return 0, none, err
	}
	lo := at + blobs.Unit
	if err := s.bring(lo, lo+int(n)); err != nil {
		return 0, none, err
	}
	v, err := all.Sub(lo, lo+int(n))
	if err != nil {
		return 0, none, err
	}
	r := refOf(w>>blobs.LowBits, uint64(at))
	return r, v, s.verify(v, r)
}
