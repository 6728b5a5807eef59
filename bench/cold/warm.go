//go:build linux

package main

import (
	"context"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/region"
)

//go:noinline
func sumOf(xs []uint64) (sum uint64) {
	for _, x := range xs {
		sum += x
	}
	return sum
}

//go:noinline
func copyAt(dst []uint64, v region.View[uint64], indexes []int) {
	for k, i := range indexes {
		dst[k] = v.At(i)
	}
}

// warm reads what is in memory: what Gather costs where nothing is to be fetched.
func warm() row {
	const batch = 1024
	bytes := func(s size) int { return of(s, 512<<20, 512<<20, 4<<20) }
	way := func(name string, read func(dst []uint64, v region.View[uint64], indexes []int) error) contender {
		return contender{name: name, lib: ours, setup: func(j job) (work, error) {
			n := bytes(j.Size) / 8
			o, err := open[uint64](j.Disk, n, 0)
			if err != nil {
				return work{}, err
			}
			indexes := anywhere(j.Seed, batch*of(j.Size, 1000, 500, 4), 8*n)
			dst := make([]uint64, batch)
			_ = sumOf(o.view.Slice()) // so that no page of the file is missing, nor any entry of the page tables
			return work{ops: len(indexes), close: o.close, run: func() (sum uint64, err error) {
				for k := 0; k < len(indexes); k += batch {
					if err := read(dst, o.view, indexes[k:k+batch]); err != nil {
						return 0, err
					}
					sum += sumOf(dst)
				}
				return sum, nil
			}}, nil
		}}
	}
	return row{
		name: "warm", quiet: true,
		what:    "One goroutine copies 1,024 random numbers at a time out of 512 MiB that are in memory, in a file. Time for each number.",
		prepare: func(_ context.Context, p *place) error { return writeData(p.disk, bytes(p.size)/8) },
		contenders: []contender{
			way("a loop of At", func(dst []uint64, v region.View[uint64], indexes []int) error {
				copyAt(dst, v, indexes)
				return nil
			}),
			way("Gather", gatherInto),
		},
		// A run takes some milliseconds, which a busy machine stretches at will.
		targets: []target{ratio("Gather", "a loop of At", ", processor time", harness.CPU, 1.5)},
	}
}

func gatherInto(dst []uint64, v region.View[uint64], indexes []int) error {
	return v.Gather(dst, indexes)
}
