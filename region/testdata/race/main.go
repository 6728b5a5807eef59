//go:build race

// The race program accesses mapped memory from two goroutines in the way that its argument names.
// The tests of package region build it with -race.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// together runs both at once, and returns when both are through.
func together(a, b func()) {
	var wg sync.WaitGroup
	wg.Add(2)
	go func() { defer wg.Done(); a() }()
	go func() { defer wg.Done(); b() }()
	wg.Wait()
}

func must[T any](x T, err error) T {
	check(err)
	return x
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

var racy = map[string]func(*region.Region[uint64]){
	"view At and Set": func(r *region.Region[uint64]) {
		v := r.View()
		together(func() { v.At(7) }, func() { v.Set(7, 1) })
	},
	"view Load and Store": func(r *region.Region[uint64]) {
		v := r.View()
		together(func() { v.Load(7) }, func() { v.Store(7, 1) })
	},
	"region At and Set": func(r *region.Region[uint64]) {
		together(func() { r.At(7) }, func() { r.Set(7, 1) })
	},
	"region Load and Store": func(r *region.Region[uint64]) {
		together(func() { r.Load(7) }, func() { r.Store(7, 1) })
	},
	"two writers": func(r *region.Region[uint64]) {
		together(func() { r.Set(7, 1) }, func() { r.Set(7, 2) })
	},
	"columns": func(r *region.Region[uint64]) {
		a, b := must(r.View().Every(1, 20, 3)), must(r.View().Every(0, 20, 7))
		together(func() { a.At(2) }, func() { b.Set(1, 1) })
	},
	"columns, Load and Store": func(r *region.Region[uint64]) {
		a, b := must(r.View().Every(1, 20, 3)), must(r.View().Every(0, 20, 7))
		together(func() { a.Load(2) }, func() { b.Store(1, 1) })
	},
	"rows": func(r *region.Region[uint64]) {
		a, b := must(region.RowsOf(r.View(), 8)), must(region.RowsOf(r.View(), 4))
		together(func() { a.At(1, 2) }, func() { b.Set(2, 2, 1) })
	},
	"rows, Load and Store": func(r *region.Region[uint64]) {
		a, b := must(region.RowsOf(r.View(), 8)), must(region.RowsOf(r.View(), 4))
		together(func() { a.Load(1, 2) }, func() { b.Store(2, 2, 1) })
	},
	"a view of the bytes": func(r *region.Region[uint64]) {
		b := r.View().Bytes()
		together(func() { b.At(7*8 + 3) }, func() { r.Set(7, 1) })
	},
	"an iterator": func(r *region.Region[uint64]) {
		together(func() {
			for range r.All() {
			}
		}, func() { r.Set(900, 1) })
	},
	"Values": func(r *region.Region[uint64]) {
		together(func() {
			for range r.Values() {
			}
		}, func() { r.Set(900, 1) })
	},
	"CopyTo": func(r *region.Region[uint64]) {
		dst := make([]uint64, r.Len())
		together(func() { r.View().CopyTo(dst) }, func() { r.Set(900, 1) })
	},
	"CopyFrom": func(r *region.Region[uint64]) {
		src := make([]uint64, r.Len())
		together(func() { r.View().CopyFrom(src) }, func() { r.At(900) })
	},
	"Fill": func(r *region.Region[uint64]) {
		together(func() { r.View().Fill(3) }, func() { r.At(900) })
	},
	"read-only view": func(r *region.Region[uint64]) {
		v := r.View().ReadOnly()
		together(func() { v.At(7) }, func() { r.Set(7, 1) })
	},
	"over a split": func(r *region.Region[uint64]) {
		var right *region.Region[uint64]
		ready := make(chan bool)
		at := r.Mapping().PageSize() / 8
		check(r.Resize(2 * at))
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			defer wg.Done()
			ready <- true
			<-ready
			right.Set(0, 1)
		}()
		<-ready
		right = must(r.SplitOff(at))
		ready <- true
		right.Set(0, 2)
		wg.Wait()
	},
	"after a merge": func(r *region.Region[uint64]) {
		at := r.Mapping().PageSize() / 8
		check(r.Resize(2 * at))
		right := must(r.SplitOff(at))
		right.Set(0, 1)
		check(r.Merge(right))
		together(func() { r.Set(at, 1) }, func() { r.At(at) })
	},
}

type flag struct {
	ready atomic.Uint64
}

var clean = map[string]func(*region.Region[uint64]){
	"readers": func(r *region.Region[uint64]) {
		together(func() { r.At(7) }, func() { r.At(7) })
	},
	"neighbours": func(r *region.Region[uint64]) {
		b := r.View().Bytes()
		together(func() { b.Set(7, 1) }, func() { b.Set(8, 1) })
	},
	"a mutex": func(r *region.Region[uint64]) {
		var mu sync.Mutex
		add := func() {
			for range 1000 {
				mu.Lock()
				r.Set(7, r.At(7)+1)
				mu.Unlock()
			}
		}
		together(add, add)
	},
	"append beside readers": func(r *region.Region[uint64]) {
		var done atomic.Bool
		together(func() {
			for i := range uint64(20000) {
				check(r.Append(i))
			}
			done.Store(true)
		}, func() {
			for !done.Load() {
				if n := r.Len(); n > 1024 && r.At(n-1) != uint64(n-1025) {
					panic("the length came before the element")
				}
			}
		})
	},
	"a mapped atomic": func(r *region.Region[uint64]) {
		published := must(region.New[flag](4)).View()
		message := ""
		together(func() {
			message = "published"
			r.Set(7, 42)
			region.RaceRelease(published, 2)
			published.Ptr(2).ready.Store(1)
		}, func() {
			for published.Ptr(2).ready.Load() == 0 {
				runtime.Gosched()
			}
			region.RaceAcquire(published, 2)
			if message != "published" || r.At(7) != 42 {
				panic("not published")
			}
		})
	},
	// The writers of two mappings that follow each other at the same addresses have nothing to do
	// with each other: that the first one is through is not told to the detector.
	"addresses used again": func(*region.Region[uint64]) {
		use := func(r *region.Region[uint64]) {
			var done atomic.Bool
			go func() {
				for i := range 1000 {
					r.Set(i, 1)
				}
				runtime.RaceDisable()
				done.Store(true)
				runtime.RaceEnable()
			}()
			for through := false; !through; runtime.Gosched() {
				runtime.RaceDisable()
				through = done.Load()
				runtime.RaceEnable()
			}
		}
		first := must(region.MapMut[uint64](options.New(8000)))
		use(first)
		addr := first.Mapping().Addr()
		second := must(region.MapMut[uint64](options.New(8000).WithAddress(addr).WithUnsafeFlags(flags.Fixed)))
		if second.Mapping().Addr() != addr {
			panic("another address")
		}
		use(second)
	},
}

func main() {
	r := must(region.New[uint64](1024))
	if f := racy[os.Args[1]]; f != nil {
		f(r)
	} else if f := clean[os.Args[1]]; f != nil {
		f(r)
	} else if os.Args[1] == "list" {
		for name := range racy {
			fmt.Println("racy", name)
		}
		for name := range clean {
			fmt.Println("clean", name)
		}
		return
	} else {
		panic("no case named " + os.Args[1])
	}
	check(r.Close())
}
