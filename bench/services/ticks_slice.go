package main

import (
	"cmp"
	"encoding/gob"
	"io"
	"os"
	"path/filepath"
	"slices"
	"unsafe"
)

// sliceTicks is a slice on the heap, written to a file as a whole.
type sliceTicks struct {
	ticks []tick
	path  string
	save  func(io.Writer, []tick) error
}

func (s *sliceTicks) Append(batch []tick) error {
	s.ticks = append(s.ticks, batch...)
	return nil
}

func (s *sliceTicks) Sync() error {
	return saveFile(s.path, func(w io.Writer) error { return s.save(w, s.ticks) })
}

func (s *sliceTicks) Total() (notional, volume int64, err error) {
	notional, volume = totalOf(s.ticks)
	return notional, volume, nil
}

func (s *sliceTicks) Range(from, to int64) (n, volume int64, err error) {
	n, volume = rangeOf(s.ticks, from, to)
	return n, volume, nil
}

func (s *sliceTicks) Close() error { return nil }

func totalOf(ticks []tick) (notional, volume int64) {
	for i := range ticks {
		t := &ticks[i]
		notional += t.Price * t.Qty
		volume += t.Qty
	}
	return notional, volume
}

func rangeOf(ticks []tick, from, to int64) (n, volume int64) {
	byTime := func(t tick, time int64) int { return cmp.Compare(t.Time, time) }
	lo, _ := slices.BinarySearchFunc(ticks, from, byTime)
	hi, _ := slices.BinarySearchFunc(ticks, to, byTime)
	for i := range ticks[lo:hi] {
		volume += ticks[lo+i].Qty
	}
	return int64(hi - lo), volume
}

func openTicksGob(dir string, create bool) (tickStore, error) {
	s := &sliceTicks{path: filepath.Join(dir, "ticks.gob")}
	s.save = func(w io.Writer, ticks []tick) error { return gob.NewEncoder(w).Encode(ticks) }
	if create {
		return s, nil
	}
	return s, loadFile(s.path, func(r io.Reader) error { return gob.NewDecoder(r).Decode(&s.ticks) })
}

func openTicksRaw(dir string, create bool) (tickStore, error) {
	s := &sliceTicks{path: filepath.Join(dir, "ticks.raw")}
	s.save = func(w io.Writer, ticks []tick) error {
		_, err := w.Write(bytesOf(ticks))
		return err
	}
	if create {
		return s, nil
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	return s, closing(f, func() error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		s.ticks = make([]tick, info.Size()/int64(unsafe.Sizeof(tick{})))
		_, err = io.ReadFull(f, bytesOf(s.ticks))
		return err
	})
}

// bytesOf returns the memory of the elements as bytes.
//
// SAFETY: every T here is a struct or array of numbers without padding, so that all of its bytes
// are initialized and every content is a valid value. The result keeps xs alive.
func bytesOf[T any](xs []T) []byte {
	var zero T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(xs))), len(xs)*int(unsafe.Sizeof(zero)))
}
