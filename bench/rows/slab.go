package rows

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/fmstephe/memorymanager/offheap"
	xmemory "github.com/xDarkicex/memory"
	cmemory "modernc.org/memory"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/slab"
)

type (
	obj16  struct{ A, B uint64 }
	obj64  struct{ A, B, C, D, E, F, G, H uint64 }
	obj256 struct {
		A, B uint64
		Rest [30]uint64
	}
)

// batch is how many objects are alive at once in an alloc+free row, for each goroutine.
const batch = 4096

// orders are the orders in which the batch is freed.
func orders(random bool) []int {
	order := make([]int, batch)
	for i := range order {
		order[i] = batch - 1 - i
	}
	if random {
		rand.New(rand.NewPCG(1, 2)).Shuffle(batch, func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	return order
}

// worker allocates a batch and frees it, on one goroutine.
type worker func(order []int) error

func heapWorker[T any]() worker {
	mine := make([]*T, batch)
	return func(order []int) error {
		for i := range mine {
			mine[i] = new(T)
		}
		for _, i := range order {
			mine[i] = nil
		}
		return nil
	}
}

func poolWorker[T any](p *sync.Pool) worker {
	mine := make([]*T, batch)
	return func(order []int) error {
		for i := range mine {
			x := p.Get().(*T)
			*x = *new(T)
			mine[i] = x
		}
		for _, i := range order {
			p.Put(mine[i])
		}
		return nil
	}
}

//go:noinline
func workSlab[T any](s *slab.Slab[T], order []int, mine []slab.Handle[T]) error {
	var err error
	for i := range mine {
		if mine[i], err = s.Alloc(); err != nil {
			return err
		}
	}
	for _, i := range order {
		if err := s.Free(mine[i]); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func workCache[T any](c *slab.Cache[T], order []int, mine []slab.Handle[T]) error {
	var err error
	for i := range mine {
		if mine[i], err = c.Alloc(); err != nil {
			return err
		}
	}
	for _, i := range order {
		if err := c.Free(mine[i]); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func workStore[T any](s *offheap.Store, order []int, mine []offheap.RefObject[T]) {
	for i := range mine {
		mine[i] = offheap.AllocObject[T](s)
		*mine[i].Value() = *new(T)
	}
	for _, i := range order {
		offheap.FreeObject(s, mine[i])
	}
}

//go:noinline
func workFreeList[T any](s *xmemory.FreeList, order []int, mine []*T) (err error) {
	for i := range mine {
		if mine[i], err = xmemory.FreeListAlloc[T](s); err != nil {
			return err
		}
		*mine[i] = *new(T)
	}
	for _, i := range order {
		if err := xmemory.FreeListDealloc(s, mine[i]); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func workShardedFreeList[T any](s *xmemory.ShardedFreeList, order []int, mine []*T) (err error) {
	for i := range mine {
		if mine[i], err = xmemory.ShardedFreeListAlloc[T](s); err != nil {
			return err
		}
		*mine[i] = *new(T)
	}
	for _, i := range order {
		if err := xmemory.ShardedFreeListDealloc(s, mine[i]); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func workMalloc[T any](a *cmemory.Allocator, lock sync.Locker, order []int, mine []unsafe.Pointer) (err error) {
	for i := range mine {
		lock.Lock()
		mine[i], err = a.UnsafeMalloc(int(unsafe.Sizeof(*new(T))))
		lock.Unlock()
		if err != nil {
			return err
		}
		*(*T)(mine[i]) = *new(T)
	}
	for _, i := range order {
		lock.Lock()
		err := a.UnsafeFree(mine[i])
		lock.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// noLock locks nothing: for the allocator that one goroutine has to itself.
type noLock struct{}

func (noLock) Lock()   {}
func (noLock) Unlock() {}

const (
	freelist = "index freelist in a slice"
	// checked is the least that makes a handle stale when any goroutine may free it: what Cache
	// cannot be faster than.
	checked = "index freelist, generations by CAS"
	unseen  = "no generations: a double free goes unseen"
)

// slabCases are the contenders for objects of type T, on g goroutines at once.
func slabCases[T any](g int, random bool) []harness.Case {
	one := func(name, lib, note string, start func() (newWorker func() (worker, error), end func() error, err error)) harness.Case {
		return harness.Case{Name: name, Lib: lib, Note: note, Setup: func(*harness.Env) (harness.Bench, error) {
			newWorker, end, err := start()
			if err != nil {
				return harness.Bench{}, err
			}
			order := orders(random)
			workers := make([]worker, g)
			for i := range workers {
				if workers[i], err = newWorker(); err != nil {
					return harness.Bench{}, err
				}
			}
			run := func(n int) error {
				errs := make([]error, g)
				var wait sync.WaitGroup
				for i, w := range workers {
					wait.Add(1)
					go func() {
						defer wait.Done()
						for range n {
							if err := w(order); err != nil {
								errs[i] = err
								return
							}
						}
					}()
				}
				wait.Wait()
				for _, err := range errs {
					if err != nil {
						return err
					}
				}
				return nil
			}
			return harness.Bench{Ops: batch * g, Run: run, Close: end}, nil
		}}
	}
	cases := []harness.Case{
		one(freelist, "", "", func() (func() (worker, error), func() error, error) {
			return func() (worker, error) {
				objects, free, mine := make([]T, batch), make([]uint32, batch), make([]uint32, batch)
				for i := range free {
					free[i] = uint32(i)
				}
				return func(order []int) error { free = workIndexes(free, objects, order, mine); return nil }, nil
			}, nil, nil
		}),
		one(checked, "", "", func() (func() (worker, error), func() error, error) {
			return func() (worker, error) {
				objects, gens, free, mine := make([]T, batch), make([]atomic.Uint64, batch), make([]uint32, batch), make([]uint64, batch)
				for i := range free {
					free[i] = uint32(i)
				}
				return func(order []int) (err error) {
					free, err = workChecked(free, objects, gens, order, mine)
					return err
				}, nil
			}, nil, nil
		}),
		one("Cache", harness.Ours, "", func() (func() (worker, error), func() error, error) {
			s, err := slab.New[T](4 * batch * g)
			if err != nil {
				return nil, nil, err
			}
			return func() (worker, error) {
				c, mine := s.Cache(), make([]slab.Handle[T], batch)
				return func(order []int) error { return workCache(c, order, mine) }, nil
			}, s.Close, nil
		}),
		one("Slab", harness.Ours, "", func() (func() (worker, error), func() error, error) {
			s, err := slab.New[T](4 * batch * g)
			if err != nil {
				return nil, nil, err
			}
			return func() (worker, error) {
				mine := make([]slab.Handle[T], batch)
				return func(order []int) error { return workSlab(s, order, mine) }, nil
			}, s.Close, nil
		}),
		one("new(T)", "Go", "", func() (func() (worker, error), func() error, error) {
			return func() (worker, error) { return heapWorker[T](), nil }, nil, nil
		}),
		one("sync.Pool", "Go", "", func() (func() (worker, error), func() error, error) {
			p := &sync.Pool{New: func() any { return new(T) }}
			return func() (worker, error) { return poolWorker[T](p), nil }, nil, nil
		}),
		one("memorymanager", "memorymanager", "", func() (func() (worker, error), func() error, error) {
			s := offheap.New()
			return func() (worker, error) {
				mine := make([]offheap.RefObject[T], batch)
				return func(order []int) error { workStore(s, order, mine); return nil }, nil
			}, s.Destroy, nil
		}),
		one("xDarkicex FreeList", "xDarkicex", unseen, func() (func() (worker, error), func() error, error) {
			s, err := xmemory.NewFreeList(freeListConfig[T](g), 64)
			if err != nil {
				return nil, nil, err
			}
			return func() (worker, error) {
				mine := make([]*T, batch)
				return func(order []int) error { return workFreeList(s, order, mine) }, nil
			}, s.Free, nil
		}),
		one("xDarkicex ShardedFreeList", "xDarkicex", unseen, func() (func() (worker, error), func() error, error) {
			s, err := xmemory.NewShardedFreeList(freeListConfig[T](g), 64, 0)
			if err != nil {
				return nil, nil, err
			}
			return func() (worker, error) {
				mine := make([]*T, batch)
				return func(order []int) error { return workShardedFreeList(s, order, mine) }, nil
			}, s.Free, nil
		}),
		one("modernc memory with a mutex", "modernc", unseen, func() (func() (worker, error), func() error, error) {
			a, lock := new(cmemory.Allocator), new(sync.Mutex)
			return func() (worker, error) {
				mine := make([]unsafe.Pointer, batch)
				return func(order []int) error { return workMalloc[T](a, lock, order, mine) }, nil
			}, a.Close, nil
		}),
	}
	if g == 1 {
		cases = append(cases, one("modernc memory", "modernc", "not safe for goroutines; "+unseen, func() (func() (worker, error), func() error, error) {
			a := new(cmemory.Allocator)
			return func() (worker, error) {
				mine := make([]unsafe.Pointer, batch)
				return func(order []int) error { return workMalloc[T](a, noLock{}, order, mine) }, nil
			}, a.Close, nil
		}))
	}
	return cases
}

// workIndexes is the plain freelist: what a program would write for one type and one goroutine.
//
//go:noinline
func workIndexes[T any](free []uint32, objects []T, order []int, mine []uint32) []uint32 {
	for i := range mine {
		k := free[len(free)-1]
		free = free[:len(free)-1]
		objects[k] = *new(T)
		mine[i] = k
	}
	for _, i := range order {
		free = append(free, mine[i])
	}
	return free
}

// workChecked is workIndexes with handles that go stale: index and generation, odd while the object
// lives.
//
//go:noinline
func workChecked[T any](free []uint32, objects []T, gens []atomic.Uint64, order []int, mine []uint64) ([]uint32, error) {
	for i := range mine {
		k := free[len(free)-1]
		free = free[:len(free)-1]
		objects[k] = *new(T)
		g := gens[k].Load() + 1
		gens[k].Store(g)
		mine[i] = g<<32 | uint64(k)
	}
	for _, i := range order {
		k, g := uint32(mine[i]), mine[i]>>32
		if !gens[k].CompareAndSwap(g, g+1) {
			return free, fmt.Errorf("object %d is gone", k)
		}
		free = append(free, k)
	}
	return free, nil
}

func freeListConfig[T any](g int) xmemory.FreeListConfig {
	cfg := xmemory.DefaultFreeListConfig()
	cfg.SlotSize = (uint64(unsafe.Sizeof(*new(T))) + 16 + 63) &^ 63 // its own head before the object
	cfg.PoolSize = 256 << 20
	return cfg
}

// goroutines are the points of the scaling plot of slabs.
var goroutines = []int{1, 2, 4, 8}

func scalingName(g int) string {
	s := ""
	if g > 1 {
		s = "s"
	}
	return fmt.Sprintf("scaling: slab alloc and free, 64 B, random order, %d goroutine%s", g, s)
}

func slabRows() []harness.Row {
	var rows []harness.Row
	add := func(name string, cases []harness.Case) *harness.Row {
		rows = append(rows, harness.Row{Name: name, Unit: "alloc and free", Floor: freelist, Cases: cases})
		return &rows[len(rows)-1]
	}
	for _, random := range []bool{false, true} {
		order := "LIFO"
		if random {
			order = "random order"
		}
		add(fmt.Sprintf("slab alloc and free, 16 B, %s, 1 goroutine", order), slabCases[obj16](1, random))
		add(fmt.Sprintf("slab alloc and free, 64 B, %s, 1 goroutine", order), slabCases[obj64](1, random))
		add(fmt.Sprintf("slab alloc and free, 256 B, %s, 1 goroutine", order), slabCases[obj256](1, random))
	}
	for _, g := range goroutines {
		r := add(scalingName(g), slabCases[obj64](g, true))
		r.Plot, r.X, r.XOf = "slab by goroutines", float64(g), "goroutines"
	}
	return append(append(rows, handleRows()...), collectorRows()...)
}
