package rows

import (
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/slab"
)

// node is an object of a linked list on the heap, slot the same in a slab.
type node struct {
	Next  *node
	Value uint64
}

type slot struct{ Next, Value uint64 }

const emptyHeap = "an empty heap"

// collectorRow times full collections while the objects are alive, and how late a goroutine that
// wakes every millisecond comes meanwhile.
func collectorRow() harness.Row {
	one := func(name, lib string, build func(n int) (keep any, end func() error, err error)) harness.Case {
		return harness.Case{Name: name, Lib: lib, Setup: func(e *harness.Env) (harness.Bench, error) {
			keep, end, err := build(e.Size(50e6, 2e6))
			if err != nil {
				return harness.Bench{}, err
			}
			var late time.Duration
			return harness.Bench{Ops: 1, Long: 20, Close: end,
				Run: func(n int) error {
					for range n {
						runtime.GC()
					}
					runtime.KeepAlive(keep)
					return nil
				},
				More: func() map[string]float64 {
					late = lateness(300 * time.Millisecond)
					runtime.KeepAlive(keep)
					return map[string]float64{"1 ms ticker late by (p99.9)": float64(late.Nanoseconds())}
				},
			}, nil
		}}
	}
	return harness.Row{Name: "full collection with 50 M live linked objects", Unit: "collection", Floor: emptyHeap, Own: true, Cases: []harness.Case{
		one(emptyHeap, "", func(int) (any, func() error, error) { return nil, nil, nil }),
		one("Slab, linked by handles", harness.Ours, func(n int) (any, func() error, error) {
			s, err := slab.New[slot](n)
			if err != nil {
				return nil, nil, err
			}
			var last slab.Handle[slot]
			for i := range n {
				if last, err = s.Insert(slot{last.Uint64(), uint64(i)}); err != nil {
					return nil, nil, err
				}
			}
			return s, s.Close, nil
		}),
		one("linked list on the heap", "Go", func(n int) (any, func() error, error) {
			var last *node
			for i := range n {
				last = &node{last, uint64(i)}
			}
			return last, nil, nil
		}),
		one("[]*T on the heap", "Go", func(n int) (any, func() error, error) {
			all := make([]*node, n)
			for i := range all {
				all[i] = &node{Value: uint64(i)}
				if i > 0 {
					all[i].Next = all[i-1]
				}
			}
			return all, nil, nil
		}),
		one("map[uint64]*T on the heap", "Go", func(n int) (any, func() error, error) {
			m := make(map[uint64]*node, n)
			var last *node
			for i := range n {
				last = &node{last, uint64(i)}
				m[uint64(i)] = last
			}
			return m, nil, nil
		}),
	}}
}

// lateness returns the 99.9th percentile of how late a goroutine wakes that sleeps a millisecond at
// a time, while collections run all along.
func lateness(d time.Duration) time.Duration {
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			runtime.GC()
		}
	}()
	var all []time.Duration
	for start := time.Now(); time.Since(start) < d; {
		at := time.Now()
		time.Sleep(time.Millisecond)
		all = append(all, time.Since(at)-time.Millisecond)
	}
	stop.Store(true)
	<-done
	slices.Sort(all)
	return all[len(all)*999/1000]
}

func collectorRows() []harness.Row { return []harness.Row{collectorRow()} }
