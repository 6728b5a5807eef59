//go:build linux

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/typedmem/typedmem/bench/harness"
)

func diskBytes(s size) int { return of(s, 4<<30, 256<<20, 4<<20) }

func diskData(_ context.Context, p *place) error { return writeData(p.disk, diskBytes(p.size)/8) }

func evictData(p *place) error { return evict(filepath.Join(p.disk, dataName)) }

// disk reads numbers at random from a file that is not in memory.
func disk(workers int) row {
	who, batch := "One goroutine reads", 64
	if workers > 1 {
		who = fmt.Sprintf("%d goroutines read", workers)
	}
	way := func(name, lib string, make func(dir string, n int, indexes []int) (work, error)) contender {
		return contender{name: name, lib: lib, setup: func(j job) (work, error) {
			bytes := diskBytes(j.Size)
			return make(j.Disk, bytes/8, anywhere(j.Seed, of(j.Size, 12800, 6400, 256), bytes))
		}}
	}
	r := row{
		name: fmt.Sprintf("disk-%d", workers), tick: time.Millisecond,
		what:    who + " 12,800 random numbers of 8 bytes (-quick: 6,400) in a file of 4 GiB (-quick: 256 MiB) on the disk, none of it in memory. Time for each number.",
		prepare: diskData, fresh: evictData, cold: evictData,
		contenders: []contender{
			way("pread", theirs, func(dir string, n int, ix []int) (work, error) { return byPread(dir, n, workers, ix) }),
			way("mmap-go", theirs, func(dir string, n int, ix []int) (work, error) { return byMmapGo(dir, n, workers, ix) }),
			way("At", ours, func(dir string, n int, ix []int) (work, error) { return byAt(dir, n, workers, ix) }),
			way("Gather by 64", ours, func(dir string, n int, ix []int) (work, error) { return byGather(dir, n, workers, batch, ix) }),
		},
	}
	most := 1.0
	if workers == 1 {
		most = 1.0 / 3
	}
	r.targets = []target{
		ratio("Gather by 64", "pread", "", harness.Wall, most),
		ratio("Gather by 64", "pread", ", "+lateWorst, more(lateWorst), 1.2),
	}
	return r
}
