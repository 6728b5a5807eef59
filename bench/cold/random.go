//go:build linux

package main

import (
	"sync"

	mmap "github.com/edsrzf/mmap-go"
	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem/flags"
)

// Ways to read numbers at indexes by several goroutines, each of which has its part of them. All
// mappings are advised that access is random, since reading ahead would be for nothing.

// reading makes the work that has workers goroutines read the numbers at the indexes with read,
// which returns their sum.
func reading(workers int, indexes []int, read func(indexes []int) (uint64, error), close func() error) work {
	return work{ops: len(indexes), close: close, run: func() (uint64, error) {
		var all sync.WaitGroup
		sums, errs := make([]uint64, workers), make([]error, workers)
		for w := range workers {
			part := indexes[w*len(indexes)/workers : (w+1)*len(indexes)/workers]
			all.Go(func() { sums[w], errs[w] = read(part) })
		}
		all.Wait()
		var sum uint64
		for w := range workers {
			if errs[w] != nil {
				return 0, errs[w]
			}
			sum += sums[w]
		}
		return sum, nil
	}}
}

// byPread reads each number with a pread(2).
func byPread(dir string, n, workers int, indexes []int) (work, error) {
	o, err := open[uint64](dir, n, 0)
	if err != nil {
		return work{}, err
	}
	return reading(workers, indexes, func(indexes []int) (sum uint64, err error) {
		for _, i := range indexes {
			x, err := pread(o.file, i)
			if err != nil {
				return 0, err
			}
			sum += x
		}
		return sum, nil
	}, o.close), nil
}

// byAt reads each number with View.At.
func byAt(dir string, n, workers int, indexes []int) (work, error) {
	o, err := open[uint64](dir, n, flags.RandomAccess)
	if err != nil {
		return work{}, err
	}
	return reading(workers, indexes, func(indexes []int) (sum uint64, err error) {
		for _, i := range indexes {
			sum += o.view.At(i)
		}
		return sum, nil
	}, o.close), nil
}

// byGather reads up to batch numbers with each View.Gather.
func byGather(dir string, n, workers, batch int, indexes []int) (work, error) {
	o, err := open[uint64](dir, n, flags.RandomAccess)
	if err != nil {
		return work{}, err
	}
	return reading(workers, indexes, func(indexes []int) (sum uint64, err error) {
		dst := make([]uint64, min(batch, len(indexes)))
		for len(indexes) > 0 {
			k := min(batch, len(indexes))
			if err := o.view.Gather(dst[:k], indexes[:k]); err != nil {
				return 0, err
			}
			for _, x := range dst[:k] {
				sum += x
			}
			indexes = indexes[k:]
		}
		return sum, nil
	}, o.close), nil
}

// byMmapGo reads each number from a mapping of mmap-go's.
func byMmapGo(dir string, n, workers int, indexes []int) (work, error) {
	o, err := open[uint64](dir, n, 0)
	if err != nil {
		return work{}, err
	}
	m, err := mmap.MapRegion(o.file, 8*n, mmap.RDONLY, 0, 0)
	if err != nil {
		return work{}, err
	}
	if err := unix.Madvise(m, unix.MADV_RANDOM); err != nil {
		return work{}, err
	}
	xs := numbers(m)
	return reading(workers, indexes, func(indexes []int) (sum uint64, err error) {
		for _, i := range indexes {
			sum += xs[i]
		}
		return sum, nil
	}, func() error {
		if err := m.Unmap(); err != nil {
			return err
		}
		return o.close()
	}), nil
}
