//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"time"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/region"
)

// record is what the scan reads: 32 bytes, of which it needs one column.
type record struct{ A, B, C, D uint64 }

// scanStep is how many records a read of the scan brings: 1 MiB.
const scanStep = 1 << 20 / 32

//go:noinline
func sumColumn(xs []record) (sum uint64) {
	for i := range xs {
		sum += xs[i].B
	}
	return sum
}

//go:noinline
func sumAll(v region.View[record]) (sum uint64) {
	for _, x := range v.All() {
		sum += x.B
	}
	return sum
}

func scan() row {
	way := func(name, lib string, run func(o opened[record]) (uint64, error)) contender {
		return contender{name: name, lib: lib, most: 5, setup: func(j job) (work, error) {
			n := diskBytes(j.Size) / 32
			o, err := open[record](j.Disk, n, flags.Sequential)
			return work{ops: n, run: func() (uint64, error) { return run(o) }, close: o.close}, err
		}}
	}
	return row{
		name: "scan", tick: time.Millisecond,
		what:    "One goroutine sums a column of records of 32 bytes in a file of 4 GiB (-quick: 256 MiB) on the disk, none of it in memory. Time for each record.",
		prepare: diskData, fresh: evictData, cold: evictData,
		contenders: []contender{
			way("bufio, encoding/binary", theirs, func(o opened[record]) (sum uint64, err error) {
				r := bufio.NewReaderSize(o.file, 1<<20)
				var b [32]byte
				for {
					if _, err := io.ReadFull(r, b[:]); errors.Is(err, io.EOF) {
						return sum, nil
					} else if err != nil {
						return 0, err
					}
					sum += binary.NativeEndian.Uint64(b[8:])
				}
			}),
			way("read(2) into a []T", theirs, func(o opened[record]) (sum uint64, err error) {
				xs := make([]record, scanStep)
				for {
					n, err := io.ReadFull(o.file, raw(xs))
					sum += sumColumn(xs[:n/32])
					if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
						return sum, nil
					} else if err != nil {
						return 0, err
					}
				}
			}),
			way("All", ours, func(o opened[record]) (uint64, error) { return sumAll(o.view), nil }),
			way("Stream", ours, func(o opened[record]) (sum uint64, err error) {
				for part, err := range o.view.Stream(scanStep) {
					if err != nil {
						return 0, err
					}
					sum += sumColumn(part.Slice())
				}
				return sum, nil
			}),
		},
		targets: []target{
			ratio("Stream", "read(2) into a []T", "", harness.Wall, 1/0.95),
			ratio("Stream", "read(2) into a []T", ", "+lateWorst, more(lateWorst), 1.2),
		},
	}
}
