//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	bolt "go.etcd.io/bbolt"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/flags"
)

// block is a record of the row limited, 256 bytes.
type block [32]uint64

const blockSize = 256

const boltName = "bolt"

var boltBucket = []byte("blocks")

func limitedBytes(s size) int { return of(s, 4<<30, 512<<20, 4<<20) }
func limitOf(s size) int      { return of(s, 1<<30, 128<<20, 64<<20) }

// limited reads records of a file that is four times as large as the memory which the process may
// use, page cache included.
func limited(workers int) row {
	const batch = 64
	who := "One goroutine reads"
	if workers > 1 {
		who = fmt.Sprintf("%d goroutines read", workers)
	}
	// way is a contender whose opened way reads a batch of records and adds up what each begins
	// with. It has read the same number of other records before it is timed.
	way := func(name, lib string, open func(j job) (read func(indexes []int) (uint64, error), close func() error, err error)) contender {
		return contender{name: name, lib: lib, most: 5, setup: func(j job) (work, error) {
			read, end, err := open(j)
			if err != nil {
				return work{}, err
			}
			count := of(j.Size, 1<<17, 1<<15, 256)
			all := func(indexes []int) (sum uint64, err error) {
				for len(indexes) > 0 {
					k := min(batch, len(indexes))
					s, err := read(indexes[:k])
					if err != nil {
						return 0, err
					}
					sum += s
					indexes = indexes[k:]
				}
				return sum, nil
			}
			before := reading(workers, popular(j.Seed+1000, count, limitedBytes(j.Size)), all, nil)
			if _, err := before.run(); err != nil {
				return work{}, errors.Join(err, end())
			}
			return reading(workers, popular(j.Seed, count, limitedBytes(j.Size)), all, end), nil
		}}
	}
	return row{
		name: fmt.Sprintf("limited-%d", workers), tick: time.Millisecond, need: noGroups,
		what:    who + " records of 256 bytes, 64 at a time, by a Zipf distribution, from 4 GiB (-quick: 512 MiB) on the disk in a control group of 1 GiB (-quick: 128 MiB). Time for each record.",
		prepare: limitedData,
		fresh: func(p *place) error {
			return errors.Join(evictData(p), evict(filepath.Join(p.disk, boltName)))
		},
		contenders: []contender{
			way("pread, LRU of pages", theirs, openLRU),
			way("bbolt", theirs, openBolt),
			way("Gather", ours, func(j job) (func([]int) (uint64, error), func() error, error) {
				o, err := open[block](j.Disk, limitedBytes(j.Size)/blockSize, flags.RandomAccess)
				if err != nil {
					return nil, nil, err
				}
				buffers := sync.Pool{New: func() any { return new([batch]block) }}
				return func(indexes []int) (sum uint64, err error) {
					dst := buffers.Get().(*[batch]block)
					defer buffers.Put(dst)
					if err := o.view.Gather(dst[:len(indexes)], indexes); err != nil {
						return 0, err
					}
					for k := range indexes {
						sum += dst[k][0]
					}
					return sum, nil
				}, o.close, nil
			}),
		},
		targets: []target{
			ratio("Gather", "pread, LRU of pages", "", harness.Wall, 1),
			ratio("Gather", "bbolt", "", harness.Wall, 1),
			ratio("Gather", "pread, LRU of pages", ", "+lateWorst, more(lateWorst), 1.2),
		},
	}
}

// popular returns the indexes of count records, by a Zipf distribution. The popular ones are
// scattered over the file.
func popular(seed uint64, count, bytes int) []int {
	n := uint64(bytes / blockSize) // a power of two, so that an odd factor permutes
	z := rand.NewZipf(rand.New(rand.NewPCG(seed, 3)), 1.1, 16, n-1)
	all := make([]int, count)
	for k := range all {
		all[k] = int(z.Uint64() * 0x9e3779b97f4a7c15 % n)
	}
	return all
}

// limitedData makes the file, the same records in bbolt, and the control group.
func limitedData(ctx context.Context, p *place) (err error) {
	n := limitedBytes(p.size) / blockSize
	if err := writeData(p.disk, n*len(block{})); err != nil {
		return err
	}
	db, err := bolt.Open(filepath.Join(p.disk, boltName), 0o666, &bolt.Options{NoSync: true, NoFreelistSync: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Sync(), db.Close()) }()
	const each = 1 << 16
	for from := 0; from < n; from += each {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(boltBucket)
			if err != nil {
				return err
			}
			b.FillPercent = 1 // they come in order
			for i := from; i < min(n, from+each); i++ {
				var x block
				for k := range x {
					x[k] = value(i*len(x) + k)
				}
				if err := b.Put(boltKey(i), append([]byte(nil), raw(x[:])...)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	p.group, err = newGroup(limitOf(p.size))
	return err
}

func boltKey(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

func openBolt(j job) (func([]int) (uint64, error), func() error, error) {
	db, err := bolt.Open(filepath.Join(j.Disk, boltName), 0o666, &bolt.Options{ReadOnly: true})
	if err != nil {
		return nil, nil, err
	}
	return func(indexes []int) (sum uint64, err error) {
		err = db.View(func(tx *bolt.Tx) error {
			b := tx.Bucket(boltBucket)
			for _, i := range indexes {
				x := b.Get(boltKey(i))
				if len(x) != blockSize {
					return fmt.Errorf("record %d has %d bytes", i, len(x))
				}
				sum += binary.NativeEndian.Uint64(x)
			}
			return nil
		})
		return sum, err
	}, db.Close, nil
}

// openLRU reads pages of the file with pread(2) and keeps those that were used last, in half of
// the memory; the page cache has the rest.
func openLRU(j job) (func([]int) (uint64, error), func() error, error) {
	f, err := os.Open(filepath.Join(j.Disk, dataName))
	if err != nil {
		return nil, nil, err
	}
	pages := limitOf(j.Size) / 2 / page
	// The buffers are one allocation, which is no work for the collector.
	memory, free := make([]byte, pages*page), make([][]byte, pages)
	for k := range free {
		free[k] = memory[k*page : (k+1)*page : (k+1)*page]
	}
	cache, err := simplelru.NewLRU(pages, func(_ int, b []byte) { free = append(free, b) })
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	var mu sync.Mutex // of cache and free, and what the buffers hold
	buffers := sync.Pool{New: func() any { return new([page]byte) }}
	return func(indexes []int) (sum uint64, err error) {
		buffer := buffers.Get().(*[page]byte)
		defer buffers.Put(buffer)
		for _, i := range indexes {
			number, at := i/(page/blockSize), i%(page/blockSize)*blockSize
			mu.Lock()
			b, ok := cache.Get(number)
			if ok {
				sum += binary.NativeEndian.Uint64(b[at:])
			}
			mu.Unlock()
			if ok {
				continue
			}
			if _, err := f.ReadAt(buffer[:], int64(number)*page); err != nil {
				return 0, err
			}
			sum += binary.NativeEndian.Uint64(buffer[at:])
			mu.Lock()
			if !cache.Contains(number) {
				if len(free) == 0 {
					cache.RemoveOldest()
				}
				b = free[len(free)-1]
				free = free[:len(free)-1]
				copy(b, buffer[:])
				cache.Add(number, b)
			}
			mu.Unlock()
		}
		return sum, nil
	}, f.Close, nil
}
