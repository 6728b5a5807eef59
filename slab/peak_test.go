package slab_test

import (
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// BenchmarkAfterAPeak is what calls that look at a whole slab cost once it has held many objects
// and holds one: TYPEDMEM_PEAK of them, else a million.
func BenchmarkAfterAPeak(b *testing.B) {
	n := 1_000_000
	if s := os.Getenv("TYPEDMEM_PEAK"); s != "" {
		n = testkit.Must(strconv.Atoi(s))(b)
	}
	for range b.N {
		s := testkit.Must(slab.New[uint64](n))(b)
		c := s.Cache()
		all := make([]slab.Handle[uint64], n)
		for i := range all {
			all[i] = testkit.Must(c.Insert(1))(b)
		}
		for i, h := range all {
			if i != n/2 {
				if err := c.Free(h); err != nil {
					b.Fatal(err)
				}
			}
		}
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
		all = nil
		runtime.GC()

		const calls = 1000
		report := func(name string, f func()) {
			allocs := testing.AllocsPerRun(1, f)
			begin := time.Now()
			for range calls {
				f()
			}
			b.ReportMetric(float64(time.Since(begin).Nanoseconds())/calls, name+"-ns")
			b.ReportMetric(allocs, name+"-allocs")
		}
		report("Len", func() { s.Len() })
		report("Stats", func() { s.Stats() })

		begin, found := time.Now(), 0
		for range s.All() {
			found++
		}
		b.ReportMetric(float64(time.Since(begin).Microseconds())/1000, "All-ms")

		var stop atomic.Bool
		worst := make(chan time.Duration)
		go func() { // another goroutine's Inserts, beside Trim
			longest := time.Duration(0)
			for !stop.Load() {
				begin := time.Now()
				h, err := s.Insert(2)
				longest = max(longest, time.Since(begin))
				if err == nil {
					err = s.Free(h)
				}
				if err != nil {
					b.Error(err)
					break
				}
			}
			worst <- longest
		}()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin = time.Now()
		bytes := testkit.Must(s.Trim())(b)
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		stop.Store(true)
		b.ReportMetric(float64((<-worst).Microseconds())/1000, "Insert-worst-ms")
		b.ReportMetric(float64(took.Milliseconds()), "Trim-ms")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc), "Trim-heap-B")
		b.ReportMetric(float64(bytes)/float64(n), "Trim-B/slot")
		if found != 1 {
			b.Errorf("All yields %d objects", found)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
