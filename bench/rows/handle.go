package rows

import (
	"fmt"
	"math/rand/v2"

	"github.com/fmstephe/memorymanager/offheap"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/slab"
)

//go:noinline
func lookIndex(objects []Rec, at []int) (sum uint64) {
	for _, i := range at {
		sum += objects[i].A
	}
	return sum
}

// lookChecked is the least that notices a stale handle when what is checked lies apart from the
// objects.
//
//go:noinline
func lookChecked(objects []Rec, gens []uint32, at []uint64) (sum uint64, err error) {
	for _, h := range at {
		i := uint32(h)
		if gens[i] != uint32(h>>32) {
			return 0, fmt.Errorf("object %d is gone", i)
		}
		sum += objects[i].A
	}
	return sum, nil
}

//go:noinline
func lookLoad(s *slab.Slab[Rec], at []slab.Handle[Rec]) (sum uint64, err error) {
	for _, h := range at {
		x, err := s.Load(h)
		if err != nil {
			return 0, err
		}
		sum += x.A
	}
	return sum, nil
}

//go:noinline
func lookPtr(s *slab.Slab[Rec], at []slab.Handle[Rec]) (sum uint64, err error) {
	for _, h := range at {
		p, err := s.Ptr(h)
		if err != nil {
			return 0, err
		}
		sum += p.A
	}
	return sum, nil
}

//go:noinline
func lookMap(m map[uint64]*Rec, at []uint64) (sum uint64) {
	for _, k := range at {
		sum += m[k].A
	}
	return sum
}

//go:noinline
func lookStore(at []offheap.RefObject[Rec]) (sum uint64) {
	for i := range at {
		sum += at[i].Value().A
	}
	return sum
}

// shuffled returns n numbers, each once: in order, or not.
func shuffled(n int, random bool) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	if random {
		rand.New(rand.NewPCG(3, 4)).Shuffle(n, func(i, j int) { at[i], at[j] = at[j], at[i] })
	}
	return at
}

const (
	sliceIndex   = "slice index"
	sliceChecked = "slice index, generation compared in a second slice"
)

func handleRow(name string, random bool) harness.Row {
	one := func(name, lib string, start func(n int) (func() (uint64, error), func() error, error)) harness.Case {
		return harness.Case{Name: name, Lib: lib, Setup: func(e *harness.Env) (harness.Bench, error) {
			n := e.Size(10e6, 500e3)
			do, end, err := start(n)
			return harness.Bench{Ops: n, Close: end, Run: repeat(func(int) error {
				x, err := do()
				sink += x
				return err
			})}, err
		}}
	}
	onSlab := func(look func(*slab.Slab[Rec], []slab.Handle[Rec]) (uint64, error), f flags.Map) func(n int) (func() (uint64, error), func() error, error) {
		return func(n int) (func() (uint64, error), func() error, error) {
			s, err := slab.Map[Rec](n, options.New(0).WithFlags(f))
			if err != nil {
				return nil, nil, err
			}
			all := make([]slab.Handle[Rec], n)
			for i := range all {
				if all[i], err = s.Insert(recOf(i)); err != nil {
					return nil, nil, err
				}
			}
			at := make([]slab.Handle[Rec], n)
			for i, k := range shuffled(n, random) {
				at[i] = all[k]
			}
			return func() (uint64, error) { return look(s, at) }, s.Close, nil
		}
	}
	return harness.Row{Name: name, Unit: "lookup", Floor: sliceIndex, Cases: []harness.Case{
		one(sliceIndex, "", func(n int) (func() (uint64, error), func() error, error) {
			s, at := memory[Rec]{n, recOf}.heap(), shuffled(n, random)
			return func() (uint64, error) { return lookIndex(s, at), nil }, nil, nil
		}),
		one(sliceChecked, "", func(n int) (func() (uint64, error), func() error, error) {
			s, gens, at := memory[Rec]{n, recOf}.heap(), make([]uint32, n), make([]uint64, n)
			for i, k := range shuffled(n, random) {
				gens[k] = uint32(k)*2 + 1
				at[i] = uint64(gens[k])<<32 | uint64(k)
			}
			return func() (uint64, error) { return lookChecked(s, gens, at) }, nil, nil
		}),
		one("Slab.Load", harness.Ours, onSlab(lookLoad, 0)),
		one("Slab.Load, TransparentHugePages", harness.Ours, onSlab(lookLoad, flags.TransparentHugePages)),
		one("Slab.Ptr", harness.Ours, onSlab(lookPtr, 0)),
		one("Slab.Ptr, TransparentHugePages", harness.Ours, onSlab(lookPtr, flags.TransparentHugePages)),
		one("map[uint64]*T", "Go", func(n int) (func() (uint64, error), func() error, error) {
			s, m, at := memory[Rec]{n, recOf}.heap(), make(map[uint64]*Rec, n), make([]uint64, n)
			for i := range s {
				m[uint64(i)] = &s[i]
			}
			for i, k := range shuffled(n, random) {
				at[i] = uint64(k)
			}
			return func() (uint64, error) { return lookMap(m, at), nil }, nil, nil
		}),
		one("memorymanager Value", "memorymanager", func(n int) (func() (uint64, error), func() error, error) {
			s := offheap.New()
			all, at := make([]offheap.RefObject[Rec], n), make([]offheap.RefObject[Rec], n)
			for i := range all {
				all[i] = offheap.AllocObject[Rec](s)
				*all[i].Value() = recOf(i)
			}
			for i, k := range shuffled(n, random) {
				at[i] = all[k]
			}
			return func() (uint64, error) { return lookStore(at), nil }, s.Destroy, nil
		}),
	}}
}

func handleRows() []harness.Row {
	return []harness.Row{
		handleRow("handle lookup, sequential, 10 M objects", false),
		handleRow("handle lookup, random, 10 M objects", true),
	}
}
