//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// batch is what the row writes puts into a slab.
type batch [page / 8]uint64

// writes compares growth with plain writes of the same bytes to the same disk.
func writes() row {
	const file = "written"
	batches := func(s size) int { return of(s, 1<<30, 256<<20, 1<<20) / page }
	path := func(j job) string { return filepath.Join(j.Disk, file) }
	ended := func(n, want int, last uint64) error {
		if n != want || last != value(want*len(batch{})-1) {
			return fmt.Errorf("%d batches of %d, the last number is %d", n, want, last)
		}
		return nil
	}
	return row{
		name: "writes", tick: time.Millisecond,
		what: "A new file on the disk grows by 4 KiB at a time to 1 GiB (-quick: 256 MiB). Time for each 4 KiB.",
		fresh: func(p *place) error {
			if err := os.Remove(filepath.Join(p.disk, file)); !errors.Is(err, os.ErrNotExist) {
				return err
			}
			return nil
		},
		contenders: []contender{
			{name: "write(2)", lib: theirs, setup: func(j job) (work, error) {
				f, err := os.Create(path(j))
				if err != nil {
					return work{}, err
				}
				return appending(batches(j.Size), func(_ int, xs []uint64) error {
					_, err := f.Write(raw(xs))
					return err
				}, f.Close), nil
			}},
			{name: "Append", lib: ours, setup: func(j job) (work, error) {
				r, err := region.Create[uint64](path(j), 0)
				if err != nil {
					return work{}, err
				}
				w := appending(batches(j.Size), func(_ int, xs []uint64) error { return r.Append(xs...) }, r.Close)
				return checked(w, func() error { return ended(r.Len()/len(batch{}), batches(j.Size), r.At(r.Len()-1)) }), nil
			}},
			{name: "Insert", lib: ours, setup: func(j job) (work, error) {
				s, err := slab.Create[batch](path(j), batches(j.Size))
				if err != nil {
					return work{}, err
				}
				var last slab.Handle[batch]
				w := appending(batches(j.Size), func(_ int, xs []uint64) (err error) {
					last, err = s.Insert(batch(xs))
					return err
				}, s.Close)
				return checked(w, func() error {
					x, err := s.Load(last)
					if err != nil {
						return err
					}
					return ended(s.Len(), batches(j.Size), x[len(x)-1])
				}), nil
			}},
		},
		targets: []target{
			ratio("Append", "write(2)", "", harness.Wall, 1.1),
			ratio("Append", "write(2)", ", "+lateWorst, more(lateWorst), 1.2),
			ratio("Insert", "write(2)", ", "+lateWorst, more(lateWorst), 1.2),
		},
	}
}

// checked has check run after the work, untimed as far as the time of each call goes.
func checked(w work, check func() error) work {
	run := w.run
	w.run = func() (uint64, error) {
		sum, err := run()
		if err == nil {
			err = check()
		}
		return sum, err
	}
	return w
}
