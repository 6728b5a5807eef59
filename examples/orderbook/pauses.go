package main

import (
	"fmt"
	"math"
	"runtime/metrics"
	"time"
)

// pauses are the collector's stops of the program, by runtime/metrics.
type pauses struct {
	cycles  uint64
	cpu     float64 // seconds
	counts  []uint64
	buckets []float64
}

func readPauses() pauses {
	s := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}, {Name: "/gc/cycles/total:gc-cycles"}, {Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(s)
	h := s[0].Value.Float64Histogram()
	return pauses{s[1].Value.Uint64(), s[2].Value.Float64(), h.Counts, h.Buckets}
}

func (p pauses) since(before pauses) pauses {
	p.cycles -= before.cycles
	p.cpu -= before.cpu
	for i := range p.counts {
		p.counts[i] -= before.counts[i]
	}
	return p
}

// String says how many there were and how long the longest was.
func (p pauses) String() string {
	n, longest := uint64(0), 0.0
	for i, c := range p.counts {
		if n += c; c > 0 {
			longest = p.buckets[i+1]
			if math.IsInf(longest, 1) {
				longest = p.buckets[i]
			}
		}
	}
	return fmt.Sprintf("%d collections, %d pauses, the longest up to %v, %v of processor time", p.cycles, n,
		time.Duration(longest*1e9), time.Duration(p.cpu*1e9).Round(time.Microsecond))
}
