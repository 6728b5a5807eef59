package main

import (
	"errors"
	"fmt"
)

// tick is one trade. Prices are in hundredths, so that sums are exact and no contender has to add
// in a certain order.
type tick struct {
	Time   int64 // nanoseconds, strictly ascending
	Price  int64
	Qty    int64
	Symbol uint64
}

// tickStore is the tick store of one contender.
type tickStore interface {
	Append(batch []tick) error // in the order of time
	Sync() error
	Total() (notional, volume int64, err error)
	Range(from, to int64) (n, volume int64, err error) // from <= Time < to
	Close() error
}

const (
	tickBatch   = 1000
	tickQueries = 1000
	tickStep    = 1_000_000 // mean nanoseconds between ticks
)

func ticks() service {
	return service{
		name:   "ticks",
		title:  "Tick store: append records of 32 bytes, sync, reopen, VWAP, 1,000 ranges of time",
		rows:   20_000_000,
		phases: []string{"append", "sync", restart, "vwap", "ranges"},
		judged: [][]string{{"append", "sync"}, {restart}, {"vwap"}, {"ranges"}},
		expect: expectTicks,
		contenders: []contender{
			tickContender(contender{name: ours}, openTicksTypedmem),
			tickContender(contender{name: "[]T + gob", heap: true, loads: true}, openTicksGob),
			tickContender(contender{name: "[]T + raw file", heap: true, loads: true, unsafe: true}, openTicksRaw),
			tickContender(contender{name: "SQLite (modernc)", part: 10}, openTicksSQLite),
			tickContender(contender{name: "bbolt", part: 10}, openTicksBolt),
			tickContender(contender{name: "Parquet (parquet-go)"}, openTicksParquet),
		},
	}
}

// tickAt returns the i-th tick.
func tickAt(i int) tick {
	h := mix(uint64(i))
	return tick{
		Time:   int64(i)*tickStep + int64(h%tickStep),
		Price:  10_000 + int64(h>>20%1000),
		Qty:    1 + int64(h>>40%100),
		Symbol: h >> 50 % 64,
	}
}

// mix is the finalizer of SplitMix64: numbers that look random, the same in every process.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// tickRange returns the i-th range of time: a thousandth of all, somewhere.
func tickRange(i, rows int) (from, to int64) {
	from = int64(mix(uint64(i)<<32)%uint64(rows)) * tickStep
	return from, from + int64(rows)*tickStep/1000
}

// tickContender is the service over the store that open returns.
func tickContender(c contender, open func(dir string, create bool) (tickStore, error)) contender {
	return over(c, func(dir string, _ int, create bool) (tickStore, error) { return open(dir, create) },
		writeTicks, firstTicks, readTicks)
}

func writeTicks(p *process, s tickStore) error {
	return errors.Join(
		p.phase("append", func() error { return appendTicks(s, p.Rows) }),
		p.phase("sync", s.Sync))
}

func firstTicks(p *process, s tickStore) error {
	n, volume, err := s.Range(tickRange(0, p.Rows))
	p.result("first range", n, " ", volume)
	return err
}

func readTicks(p *process, s tickStore) error {
	return errors.Join(
		p.phase("vwap", func() error {
			notional, volume, err := s.Total()
			p.result("vwap", notional, "/", volume)
			return err
		}),
		p.phase("ranges", func() error {
			var n, volume int64
			for i := range tickQueries {
				k, v, err := s.Range(tickRange(i, p.Rows))
				if err != nil {
					return err
				}
				n, volume = n+k, volume+v
			}
			p.result("ranges", n, " ", volume)
			return nil
		}))
}

func appendTicks(s tickStore, rows int) error {
	batch := make([]tick, 0, tickBatch)
	for i := range rows {
		if batch = append(batch, tickAt(i)); len(batch) == tickBatch || i == rows-1 {
			if err := s.Append(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return nil
}

// expectTicks finds the results by the definition of each, with sums up to each tick.
func expectTicks(rows int, _ string) (map[string]string, error) {
	volumes := make([]int64, rows+1)
	var notional int64
	for i := range rows {
		t := tickAt(i)
		volumes[i+1] = volumes[i] + t.Qty
		notional += t.Price * t.Qty
	}
	// A tick's time lies within the step of its number, and ranges begin and end with a step if
	// rows is a multiple of 1000.
	between := func(i int) (n, volume int64) {
		from, to := tickRange(i, rows)
		lo, hi := min(int(from/tickStep), rows), min(int(to/tickStep), rows)
		return int64(hi - lo), volumes[hi] - volumes[lo]
	}
	var n, volume int64
	for i := range tickQueries {
		k, v := between(i)
		n, volume = n+k, volume+v
	}
	k, v := between(0)
	return map[string]string{
		"vwap":        fmt.Sprint(notional, "/", volumes[rows]),
		"first range": fmt.Sprint(k, " ", v),
		"ranges":      fmt.Sprint(n, " ", volume),
	}, nil
}
