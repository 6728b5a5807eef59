//go:build linux

package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/typedmem/typedmem/bench/harness"
)

// The figures of a pulse, in nanoseconds.
const (
	lateMedian = "timer late, median"
	lateWorst  = "timer late, worst"
	gcMedian   = "runtime.GC, median"
	gcWorst    = "runtime.GC, worst"
)

// gcPause is the time between two collections.
const gcPause = 50 * time.Millisecond

// pulse shows how well the rest of the process does: a timer that fires again and again, and a
// collection from time to time. Both begin with the work: the first collection after 3 ms.
type pulse struct {
	stop     atomic.Bool
	all      sync.WaitGroup
	late, gc []float64
}

func startPulse(tick time.Duration) *pulse {
	p := &pulse{late: make([]float64, 0, 1<<16), gc: make([]float64, 0, 1<<12)}
	running := make(chan struct{})
	p.all.Go(func() {
		time.Sleep(tick) // its own first time
		close(running)
		for !p.stop.Load() {
			begin := time.Now()
			time.Sleep(tick)
			p.late = append(p.late, float64(time.Since(begin)-tick))
		}
	})
	<-running
	p.all.Go(func() {
		for pause := 3 * time.Millisecond; ; pause = gcPause {
			time.Sleep(pause)
			if p.stop.Load() {
				return
			}
			begin := time.Now()
			runtime.GC()
			p.gc = append(p.gc, float64(time.Since(begin)))
		}
	})
	return p
}

// end waits for what is under way, and adds the figures.
func (p *pulse) end(to map[string]float64) {
	p.stop.Store(true)
	p.all.Wait()
	for name, xs := range map[string][]float64{lateMedian: p.late, gcMedian: p.gc} {
		if len(xs) > 0 {
			to[name] = harness.Quantile(0.5, xs)
		}
	}
	for name, xs := range map[string][]float64{lateWorst: p.late, gcWorst: p.gc} {
		if len(xs) > 0 {
			to[name] = harness.Quantile(1, xs)
		}
	}
}
