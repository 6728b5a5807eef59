//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/region"
)

// besideNumbers is how much a file of the row beside holds before it is appended to: some pages for
// Prefault to wait for.
const besideNumbers = 8 * page / 8

// The calls that are timed.
const (
	besideAppend = "Append, longest"
	besidePin    = "Pin, longest"
	besideLen    = "Len, longest"
	besideSync   = "Sync, longest"
	besideClose  = "Close, longest"
)

func beside() row {
	delay := func(s size) time.Duration {
		return of(s, 300*time.Millisecond, 300*time.Millisecond, 20*time.Millisecond)
	}
	r := row{
		name: "beside", slow: true, tick: 10 * time.Millisecond,
		what: "One goroutine calls Append, Pin, Len, Sync and Close of a region again and again, with a pause of 1 ms, while nothing else happens and while a Prefault of 8 cold pages waits, of 300 ms each. Close is refused while something holds the region. Time for each time round.",
		prepare: func(_ context.Context, p *place) error {
			r, err := region.Create[uint64](filepath.Join(p.disk, dataName), besideNumbers)
			if err != nil {
				return err
			}
			return r.Close()
		},
		fresh: func(p *place) error { return errors.Join(p.slow.Delay(0), p.slow.Drop()) },
		cold:  func(p *place) error { return p.slow.Delay(delay(p.size)) },
		after: fast,
		contenders: []contender{
			{name: "nothing waits", setup: func(j job) (work, error) {
				return besideOf(j, func(*region.Region[uint64]) error { time.Sleep(2 * delay(j.Size)); return nil })
			}},
			{name: "Prefault waits", setup: func(j job) (work, error) {
				return besideOf(j, func(r *region.Region[uint64]) error { return r.Prefault(besideNumbers/8, besideNumbers) })
			}},
		},
	}
	for _, figure := range []string{besideAppend, besidePin, besideLen, besideClose} {
		r.targets = append(r.targets, target{figure + ", more than with nothing waiting", float64(5 * time.Millisecond), func(r harness.Result) float64 {
			waits, ok := r.Case("Prefault waits")
			nothing, too := r.Case("nothing waits")
			if !ok || !too {
				return math.NaN()
			}
			return max(0, waits.Median(more(figure))-nothing.Median(more(figure)))
		}, durationOrZero})
	}
	return r
}

// besideOf makes the work that calls the methods until wait returns. The region's last page, and
// room for what is appended, are there already.
func besideOf(j job, wait func(*region.Region[uint64]) error) (work, error) {
	r, err := region.OpenMut[uint64](filepath.Join(j.Slow, dataName))
	if err != nil {
		return work{}, err
	}
	unpin, err := r.Pin() // so that Close is refused with nothing waiting as well
	if err == nil {
		err = r.Append(1)
	}
	if err != nil {
		return work{}, errors.Join(err, r.Close())
	}
	longest := map[string]float64{}
	timed := func(name string, f func() error) error {
		begin := time.Now()
		err := f()
		longest[name] = max(longest[name], float64(time.Since(begin)))
		return err
	}
	w := work{ops: 1, figures: func() map[string]float64 { return longest }}
	w.run = func() (uint64, error) {
		done := make(chan error, 1)
		go func() { done <- wait(r) }()
		for n := 1; ; n++ {
			select {
			case err := <-done:
				w.ops = n
				return 0, err
			case <-time.After(time.Millisecond):
			}
			length := 0
			err := errors.Join(
				timed(besideAppend, func() error { return r.Append(uint64(n)) }),
				timed(besidePin, func() error {
					unpin, err := r.Pin()
					if err == nil {
						unpin()
					}
					return err
				}),
				timed(besideLen, func() error { length = r.Len(); return nil }),
				timed(besideSync, r.Sync), // or Close would begin with it
				timed(besideClose, func() error {
					if err := r.Close(); !errors.Is(err, typedmem.ErrBusy) {
						return fmt.Errorf("close of a pinned region: %w", err)
					}
					return nil
				}),
			)
			if err == nil && length < besideNumbers+n {
				err = fmt.Errorf("%d elements after %d appends", length, n)
			}
			if err != nil {
				return 0, errors.Join(err, <-done)
			}
		}
	}
	w.close = func() error { unpin(); return r.Close() }
	return w, nil
}
