//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	mmap "github.com/edsrzf/mmap-go"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/region"
)

// The rows on the delayed device: what a page costs is known there, and every difference is a
// matter of how the reads are made.

func delayedBytes(s size) int { return of(s, 64<<20, 16<<20, 1<<20) }

func delayOf(s size) time.Duration {
	return of(s, 100*time.Millisecond, 50*time.Millisecond, 2*time.Millisecond)
}

// coldPages drops what is cached and makes each page slow.
func coldPages(p *place) error { return errors.Join(p.slow.Drop(), p.slow.Delay(delayOf(p.size))) }

func fast(p *place) error { return p.slow.Delay(0) }

func delayedData(_ context.Context, p *place) error {
	return writeData(p.disk, delayedBytes(p.size)/8)
}

// delayed is a contender that reads count numbers in pages apart.
func delayed(name, lib string, count int, make func(dir string, n int, indexes []int) (work, error)) contender {
	return contender{name: name, lib: lib, setup: func(j job) (work, error) {
		bytes := delayedBytes(j.Size)
		w, err := make(j.Slow, bytes/8, apart(j.Seed, count, bytes))
		w.ops = 1 // all together
		return w, err
	}}
}

func delayed16() row {
	const n = 16
	return row{
		name: "delayed-16", slow: true, tick: 10 * time.Millisecond,
		what:    "Sixteen goroutines read one number each, in different pages of a device that takes 100 ms a page (-quick: 50 ms). Time until all have theirs.",
		prepare: delayedData, fresh: fast, cold: coldPages, after: fast,
		contenders: []contender{
			delayed("pread", theirs, n, func(dir string, m int, ix []int) (work, error) { return byPread(dir, m, n, ix) }),
			delayed("mmap-go", theirs, n, func(dir string, m int, ix []int) (work, error) { return byMmapGo(dir, m, n, ix) }),
			delayed("At", ours, n, func(dir string, m int, ix []int) (work, error) { return byAt(dir, m, n, ix) }),
			delayed("Gather", ours, n, func(dir string, m int, ix []int) (work, error) { return byGather(dir, m, n, 1, ix) }),
		},
		targets: []target{
			ratio("Gather", "pread", "", harness.Wall, 1.1),
			median("Gather", lateWorst, 5*time.Millisecond),
			median("Gather", gcWorst, 10*time.Millisecond),
		},
	}
}

func delayed64() row {
	const n = 64
	one := delayed("one page", "", 1, func(dir string, m int, ix []int) (work, error) { return byPread(dir, m, 1, ix) })
	one.other = true
	pread := delayed("pread each", theirs, n, func(dir string, m int, ix []int) (work, error) { return byPread(dir, m, 1, ix) })
	at := delayed("At each", ours, n, func(dir string, m int, ix []int) (work, error) { return byAt(dir, m, 1, ix) })
	pread.most, at.most = 3, 3
	return row{
		name: "delayed-64", slow: true, tick: 10 * time.Millisecond,
		what:    "One goroutine reads 64 numbers in different pages of the same device. Time for all.",
		prepare: delayedData, fresh: fast, cold: coldPages, after: fast,
		contenders: []contender{one, pread, at,
			delayed("Gather", ours, n, func(dir string, m int, ix []int) (work, error) { return byGather(dir, m, 1, n, ix) }),
		},
		targets: []target{
			ratio("Gather", "one page", "", harness.Wall, 2),
			median("Gather", lateWorst, 5*time.Millisecond),
			median("Gather", gcWorst, 10*time.Millisecond),
		},
	}
}

// delayedAppend compares with stores to a mapping, which is what an Append did before growth
// brought the pages in by system calls.
func delayedAppend() row {
	const file = "appended"
	batches := func(s size) int { return of(s, 512, 256, 16) }
	return row{
		name: "delayed-append", slow: true, tick: 10 * time.Millisecond,
		what: "A file grows by 4 KiB at a time on a device that takes 5 ms a page; new pages of a mapping are read as well. Time for each 4 KiB.",
		fresh: func(p *place) error {
			if err := os.Remove(filepath.Join(p.mount, file)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
			return fast(p)
		},
		cold: func(p *place) error {
			return p.slow.Delay(of(p.size, 5*time.Millisecond, 5*time.Millisecond, 100*time.Microsecond))
		},
		after: fast,
		contenders: []contender{
			{name: "write(2)", lib: theirs, setup: func(j job) (work, error) {
				f, err := os.Create(filepath.Join(j.Slow, file))
				if err != nil {
					return work{}, err
				}
				return appending(batches(j.Size), func(_ int, xs []uint64) error {
					_, err := f.Write(raw(xs))
					return err
				}, f.Close), nil
			}},
			{name: "mmap-go, stores", lib: theirs, setup: func(j job) (work, error) {
				f, err := os.Create(filepath.Join(j.Slow, file))
				if err != nil {
					return work{}, err
				}
				size := batches(j.Size) * page
				if err := f.Truncate(int64(size)); err != nil {
					return work{}, err
				}
				m, err := mmap.MapRegion(f, size, mmap.RDWR, 0, 0)
				if err != nil {
					return work{}, err
				}
				all := numbers(m)
				return appending(batches(j.Size), func(k int, xs []uint64) error {
					copy(all[k*len(xs):], xs)
					return nil
				}, func() error { return errors.Join(m.Unmap(), f.Close()) }), nil
			}},
			{name: "Append", lib: ours, setup: func(j job) (work, error) {
				r, err := region.Create[uint64](filepath.Join(j.Slow, file), 0)
				if err != nil {
					return work{}, err
				}
				w := appending(batches(j.Size), func(_ int, xs []uint64) error { return r.Append(xs...) }, r.Close)
				run := w.run
				w.run = func() (uint64, error) {
					sum, err := run()
					if n := batches(j.Size) * page / 8; err == nil && (r.Len() != n || r.At(n-1) != value(n-1)) {
						err = fmt.Errorf("%d elements, the last %d", r.Len(), r.At(r.Len()-1))
					}
					return sum, err
				}
				return w, nil
			}},
		},
		targets: []target{
			median("Append", lateWorst, 5*time.Millisecond),
			median("Append", gcWorst, 10*time.Millisecond),
		},
	}
}

// appending makes the work that adds so many pages of numbers with add.
func appending(batches int, add func(k int, xs []uint64) error, close func() error) work {
	longest := time.Duration(0)
	return work{
		ops: batches, close: close,
		run: func() (sum uint64, err error) {
			xs := make([]uint64, page/8)
			for k := range batches {
				for i := range xs {
					xs[i] = value(k*len(xs) + i)
					sum += xs[i]
				}
				begin := time.Now()
				if err := add(k, xs); err != nil {
					return 0, err
				}
				longest = max(longest, time.Since(begin))
			}
			return sum, nil
		},
		figures: func() map[string]float64 { return map[string]float64{"longest call": float64(longest)} },
	}
}
