package slab_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/typedmem/typedmem/slab"
)

// freelist is the floor of the slab benchmarks: free indexes in a slice over objects in a slice, no
// handles, one goroutine.
type freelist[T any] struct {
	objects []T
	free    []uint32
}

func (f *freelist[T]) alloc() uint32 {
	i := f.free[len(f.free)-1]
	f.free = f.free[:len(f.free)-1]
	var zero T
	f.objects[i] = zero
	return i
}

func (f *freelist[T]) release(i uint32) { f.free = append(f.free, i) }

type object16 struct{ A, B uint64 }
type object64 struct{ A [8]uint64 }
type object256 struct{ A [32]uint64 }

const held = 1 << 16 // objects that live at a time

// kernels: the loops lie in functions of their own, so that every contender is compiled alike.

//go:noinline
func churnCache[T any](c *slab.Cache[T], live []slab.Handle[T], order []uint32, n int) {
	for i := range n {
		at := order[i&(len(order)-1)]
		if c.Free(live[at]) != nil {
			panic("free")
		}
		live[at], _ = c.Alloc()
	}
}

//go:noinline
func churnSlab[T any](c *slab.Slab[T], live []slab.Handle[T], order []uint32, n int) {
	for i := range n {
		at := order[i&(len(order)-1)]
		if c.Free(live[at]) != nil {
			panic("free")
		}
		live[at], _ = c.Alloc()
	}
}

//go:noinline
func churnNew[T any](live []*T, order []uint32, n int) {
	for i := range n {
		live[order[i&(len(order)-1)]] = new(T)
	}
}

//go:noinline
func churnList[T any](f *freelist[T], live []uint32, order []uint32, n int) {
	for i := range n {
		at := order[i&(len(order)-1)]
		f.release(live[at])
		live[at] = f.alloc()
	}
}

func benchChurn[T any](b *testing.B) {
	orders := map[string][]uint32{"lifo": {7}, "random": make([]uint32, held)}
	for i, x := range rand.New(rand.NewPCG(1, 2)).Perm(held) {
		orders["random"][i] = uint32(x)
	}
	for _, name := range []string{"lifo", "random"} {
		order := orders[name]
		b.Run(name+"/freelist", func(b *testing.B) {
			f := &freelist[T]{objects: make([]T, held+64)}
			for i := range f.objects {
				f.free = append(f.free, uint32(i))
			}
			live := make([]uint32, held)
			for i := range live {
				live[i] = f.alloc()
			}
			b.ResetTimer()
			churnList(f, live, order, b.N)
		})
		b.Run(name+"/new", func(b *testing.B) {
			live := make([]*T, held)
			for i := range live {
				live[i] = new(T)
			}
			b.ResetTimer()
			churnNew(live, order, b.N)
		})
		s, err := slab.New[T](held + 1024)
		if err != nil {
			b.Fatal(err)
		}
		live := make([]slab.Handle[T], held)
		for i := range live {
			live[i], _ = s.Alloc()
		}
		b.Run(name+"/cache", func(b *testing.B) {
			c := s.Cache()
			churnCache(c, live, order, b.N)
			c.Close()
		})
		b.Run(name+"/slab", func(b *testing.B) { churnSlab(s, live, order, b.N) })
		b.Run(name+"/slab-parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				h, _ := s.Alloc()
				for pb.Next() {
					s.Free(h)
					h, _ = s.Alloc()
				}
				s.Free(h)
			})
		})
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChurn(b *testing.B) {
	b.Run("16", benchChurn[object16])
	b.Run("64", benchChurn[object64])
	b.Run("256", benchChurn[object256])
}

//go:noinline
func sumSlice(s []object16, order []uint32, n int) (sum uint64) {
	for i := range n {
		x := s[order[i&(len(order)-1)]]
		sum += x.A
	}
	return sum
}

//go:noinline
func sumLoad(s *slab.Slab[object16], order []slab.Handle[object16], n int) (sum uint64) {
	for i := range n {
		x, err := s.Load(order[i&(len(order)-1)])
		if err != nil {
			panic(err)
		}
		sum += x.A
	}
	return sum
}

//go:noinline
func sumPtr(s *slab.Slab[object16], order []slab.Handle[object16], n int) (sum uint64) {
	for i := range n {
		x, err := s.Ptr(order[i&(len(order)-1)])
		if err != nil {
			panic(err)
		}
		sum += x.A
	}
	return sum
}

var sink uint64

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{4 << 10, 4 << 20} {
		for _, shuffled := range []bool{false, true} {
			order := make([]uint32, n)
			for i := range order {
				order[i] = uint32(i)
			}
			if shuffled {
				rand.New(rand.NewPCG(1, 2)).Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
			}
			objects := make([]object16, n)
			s, err := slab.New[object16](n)
			if err != nil {
				b.Fatal(err)
			}
			all := make([]slab.Handle[object16], n)
			for i := range all {
				all[i], _ = s.Insert(object16{A: 1})
				objects[i].A = 1
			}
			handles := make([]slab.Handle[object16], n)
			for i := range handles {
				handles[i] = all[order[i]]
			}
			name := fmt.Sprintf("%d/shuffled=%v", n, shuffled)
			b.Run(name+"/slice", func(b *testing.B) { sink += sumSlice(objects, order, b.N) })
			b.Run(name+"/load", func(b *testing.B) { sink += sumLoad(s, handles, b.N) })
			b.Run(name+"/ptr", func(b *testing.B) { sink += sumPtr(s, handles, b.N) })
			s.Close()
		}
	}
}
