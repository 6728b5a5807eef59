package rows

import (
	"fmt"
	"unsafe"

	gmmap "github.com/grandecola/mmap"
	"github.com/itsmontoya/mappedslice"
	xmmap "golang.org/x/exp/mmap"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/region"
)

// What a contender does in an access row, by the memory that it works on; n operations a call.
type access[T any] struct {
	ops       func(m memory[T]) int
	onSlice   func(m memory[T], s []T, rep int)
	onAll     func(m memory[T], v region.View[T], rep int)
	onAt      func(m memory[T], v region.View[T], rep int)
	onLoad    func(m memory[T], v region.View[T], rep int) error
	onRegion  func(m memory[T], r *region.Region[T], rep int)
	onMapped  func(m memory[T], s *mappedslice.Slice[T], rep int) error
	onReader  func(m memory[T], r *xmmap.ReaderAt, rep int) error // nil: it cannot
	onGrande  func(m memory[T], g *gmmap.File, rep int) error
	atName    string
	loadName  string
	hugePages bool
}

// notes that hold for the peers in every access row
const (
	noLifetime = "no check of lifetime: a read after Unmap crashes"
	noChecks   = "no check of lifetime or protection"
)

func (a access[T]) cases(m func(*harness.Env) memory[T]) []harness.Case {
	var all []harness.Case
	add := func(name, lib, note string, setup func(*harness.Env, memory[T]) (func(rep int) error, func() error, error)) {
		all = append(all, harness.Case{Name: name, Lib: lib, Note: note, Setup: func(e *harness.Env) (harness.Bench, error) {
			mem := m(e)
			kernel, end, err := setup(e, mem)
			if err != nil {
				return harness.Bench{}, err
			}
			run := repeat(kernel)
			// A repetition comes first that is not timed: otherwise the first contender that uses
			// a mapping pays for its page tables, which a virtual machine drops in the meantime.
			return harness.Bench{Ops: a.ops(mem), Run: run, Reset: func() error { return run(1) }, Close: end}, nil
		}})
	}
	onView := func(name string, make func(*harness.Env, memory[T]) (*region.Region[T], error), do func(m memory[T], v region.View[T], rep int) error) {
		if do == nil {
			return
		}
		add(name, harness.Ours, "", func(e *harness.Env, mem memory[T]) (func(int) error, func() error, error) {
			r, err := make(e, mem)
			if err != nil {
				return nil, nil, err
			}
			return func(rep int) error { return do(mem, r.View(), rep) }, nil, nil
		})
	}
	anon := func(e *harness.Env, mem memory[T]) (*region.Region[T], error) { return mem.anonymous(e, 0) }
	huge := func(e *harness.Env, mem memory[T]) (*region.Region[T], error) {
		return mem.anonymous(e, flags.TransparentHugePages)
	}
	file := func(e *harness.Env, mem memory[T]) (*region.Region[T], error) {
		return harness.Keep(e, "file", func() (*region.Region[T], func() error, error) {
			r, err := mem.file(e)
			if err != nil {
				return nil, nil, err
			}
			return r, r.Close, nil
		})
	}
	slice := func(mem memory[T], v region.View[T], rep int) error { a.onSlice(mem, v.Slice(), rep); return nil }
	at := func(mem memory[T], v region.View[T], rep int) error { a.onAt(mem, v, rep); return nil }

	add(heapSlice, "", "", func(_ *harness.Env, mem memory[T]) (func(int) error, func() error, error) {
		s := mem.heap()
		return func(rep int) error { a.onSlice(mem, s, rep); return nil }, nil, nil
	})
	onView("View.Slice", anon, slice)
	if a.onAll != nil {
		onView("View.All", anon, func(mem memory[T], v region.View[T], rep int) error { a.onAll(mem, v, rep); return nil })
	}
	onView("View."+a.atName, anon, at)
	onView("View."+a.loadName, anon, a.onLoad)
	add("Region."+a.atName, harness.Ours, "", func(e *harness.Env, mem memory[T]) (func(int) error, func() error, error) {
		r, err := mem.anonymous(e, 0)
		if err != nil {
			return nil, nil, err
		}
		return func(rep int) error { a.onRegion(mem, r, rep); return nil }, nil, nil
	})
	onView("View."+a.atName+", file", file, at)
	if a.hugePages {
		onView("View.Slice, TransparentHugePages", huge, slice)
		onView("View."+a.atName+", TransparentHugePages", huge, at)
	}
	add("mmap-go + unsafe.Slice", "mmap-go", noChecks, func(e *harness.Env, mem memory[T]) (func(int) error, func() error, error) {
		b, s, err := mem.mmapGo(e)
		return func(rep int) error { a.onSlice(mem, s, rep); return nil }, b.Unmap, err
	})
	add("mappedslice", "mappedslice", "", func(e *harness.Env, mem memory[T]) (func(int) error, func() error, error) {
		s, err := mem.mappedSlice(e)
		if err != nil {
			return nil, nil, err
		}
		return func(rep int) error { return a.onMapped(mem, s, rep) }, s.Close, nil
	})
	if a.onReader != nil {
		add("x/exp/mmap + encoding/binary", "x/exp/mmap", "", func(e *harness.Env, mem memory[T]) (func(int) error, func() error, error) {
			r, err := mem.readerAt(e)
			if err != nil {
				return nil, nil, err
			}
			return func(rep int) error { return a.onReader(mem, r, rep) }, r.Close, nil
		})
	}
	add("grandecola/mmap", "grandecola", "", func(e *harness.Env, mem memory[T]) (func(int) error, func() error, error) {
		g, err := mem.grandecola(e)
		if err != nil {
			return nil, nil, err
		}
		return func(rep int) error { return a.onGrande(mem, g, rep) }, g.Unmap, nil
	})
	return all
}

const heapSlice = "heap []T"

func whole[T any](m memory[T]) int { return m.n }

var readU64 = access[uint64]{
	ops: whole[uint64], atName: "At", loadName: "Load",
	onSlice: func(_ memory[uint64], s []uint64, _ int) { sink += sumSlice(s) },
	onAll:   func(_ memory[uint64], v region.View[uint64], _ int) { sink += sumAll(v) },
	onAt:    func(_ memory[uint64], v region.View[uint64], _ int) { sink += sumAt(v) },
	onLoad: func(_ memory[uint64], v region.View[uint64], _ int) error {
		x, err := sumLoad(v)
		sink += x
		return err
	},
	onRegion: func(_ memory[uint64], r *region.Region[uint64], _ int) { sink += sumRegionAt(r) },
	onMapped: func(_ memory[uint64], s *mappedslice.Slice[uint64], _ int) error {
		sink += sumMappedSlice(s)
		return nil
	},
	onReader: func(m memory[uint64], r *xmmap.ReaderAt, _ int) error {
		x, err := sumReaderAt(r, headBytes, m.n)
		sink += x
		return err
	},
	onGrande: func(m memory[uint64], g *gmmap.File, _ int) error {
		sink += sumGrandecola(g, headBytes, m.n)
		return nil
	},
}

var writeU64 = access[uint64]{
	ops: whole[uint64], atName: "Set", loadName: "Store",
	onSlice:  func(_ memory[uint64], s []uint64, rep int) { setSlice(s, uint64(rep)) },
	onAt:     func(_ memory[uint64], v region.View[uint64], rep int) { setAt(v, uint64(rep)) },
	onLoad:   func(_ memory[uint64], v region.View[uint64], rep int) error { return setStore(v, uint64(rep)) },
	onRegion: func(_ memory[uint64], r *region.Region[uint64], rep int) { setRegionAt(r, uint64(rep)) },
	onMapped: func(_ memory[uint64], s *mappedslice.Slice[uint64], rep int) error {
		return setMappedSlice(s, uint64(rep))
	},
	onGrande: func(m memory[uint64], g *gmmap.File, rep int) error {
		setGrandecola(g, headBytes, m.n, uint64(rep))
		return nil
	},
}

var readRec = access[Rec]{
	ops: whole[Rec], atName: "At", loadName: "Load",
	onSlice:  func(_ memory[Rec], s []Rec, _ int) { sink += sumRecSlice(s) },
	onAll:    func(_ memory[Rec], v region.View[Rec], _ int) { sink += sumRecAll(v) },
	onAt:     func(_ memory[Rec], v region.View[Rec], _ int) { sink += sumRecAt(v) },
	onLoad:   func(_ memory[Rec], v region.View[Rec], _ int) error { x, err := sumRecLoad(v); sink += x; return err },
	onRegion: func(_ memory[Rec], r *region.Region[Rec], _ int) { sink += sumRecRegionAt(r) },
	onMapped: func(_ memory[Rec], s *mappedslice.Slice[Rec], _ int) error { sink += sumRecMappedSlice(s); return nil },
	onReader: func(m memory[Rec], r *xmmap.ReaderAt, _ int) error {
		x, err := sumRecReaderAt(r, headBytes, m.n)
		sink += x
		return err
	},
	onGrande: func(m memory[Rec], g *gmmap.File, _ int) error {
		x, err := sumRecReaderAt(g, headBytes, m.n)
		sink += x
		return err
	},
}

var writeRec = access[Rec]{
	ops: whole[Rec], atName: "Set", loadName: "Store",
	onSlice:  func(_ memory[Rec], s []Rec, rep int) { setRecSlice(s, rep) },
	onAt:     func(_ memory[Rec], v region.View[Rec], rep int) { setRecAt(v, rep) },
	onLoad:   func(_ memory[Rec], v region.View[Rec], rep int) error { return setRecStore(v, rep) },
	onRegion: func(_ memory[Rec], r *region.Region[Rec], rep int) { setRecRegionAt(r, rep) },
	onMapped: func(_ memory[Rec], s *mappedslice.Slice[Rec], rep int) error { return setRecMappedSlice(s, rep) },
	onGrande: func(m memory[Rec], g *gmmap.File, rep int) error { return setRecGrandecola(g, headBytes, m.n, rep) },
}

// randomOps is the number of accesses in a repetition of a random row.
const randomOps = 1 << 20

var readRandom = access[uint64]{
	ops: func(memory[uint64]) int { return randomOps }, atName: "At", loadName: "Load", hugePages: true,
	onSlice: func(_ memory[uint64], s []uint64, rep int) { sink += randSlice(s, randomOps, uint64(rep)) },
	onAt:    func(_ memory[uint64], v region.View[uint64], rep int) { sink += randAt(v, randomOps, uint64(rep)) },
	onRegion: func(_ memory[uint64], r *region.Region[uint64], rep int) {
		sink += randRegionAt(r, randomOps, uint64(rep))
	},
	onMapped: func(_ memory[uint64], s *mappedslice.Slice[uint64], rep int) error {
		sink += randMappedSlice(s, randomOps, uint64(rep))
		return nil
	},
	onReader: func(m memory[uint64], r *xmmap.ReaderAt, rep int) error {
		x, err := randReaderAt(r, headBytes, m.n, randomOps, uint64(rep))
		sink += x
		return err
	},
	onGrande: func(m memory[uint64], g *gmmap.File, rep int) error {
		sink += randGrandecola(g, headBytes, m.n, randomOps, uint64(rep))
		return nil
	},
}

var writeRandom = access[uint64]{
	ops: func(memory[uint64]) int { return randomOps }, atName: "Set", loadName: "Store", hugePages: true,
	onSlice: func(_ memory[uint64], s []uint64, rep int) { randSetSlice(s, randomOps, uint64(rep)) },
	onAt:    func(_ memory[uint64], v region.View[uint64], rep int) { randSetAt(v, randomOps, uint64(rep)) },
	onRegion: func(_ memory[uint64], r *region.Region[uint64], rep int) {
		randSetRegionAt(r, randomOps, uint64(rep))
	},
	onMapped: func(_ memory[uint64], s *mappedslice.Slice[uint64], rep int) error {
		return randSetMappedSlice(s, randomOps, uint64(rep))
	},
	onGrande: func(m memory[uint64], g *gmmap.File, rep int) error {
		randSetGrandecola(g, headBytes, m.n, randomOps, uint64(rep))
		return nil
	},
}

// sized is the memory of a row: a power of two of bytes, or quick with -quick.
func sized[T any](full, quick int, value func(int) T) func(*harness.Env) memory[T] {
	return func(e *harness.Env) memory[T] {
		return memory[T]{e.Size(full, quick) / int(unsafe.Sizeof(*new(T))), value}
	}
}

func u64Of(i int) uint64 { return uint64(i) }

func accessRows() []harness.Row {
	var rows []harness.Row
	add := func(name string, cases []harness.Case) {
		rows = append(rows, harness.Row{Name: name, Unit: "element", Floor: heapSlice, Cases: cases})
	}
	for _, s := range []struct {
		name        string
		full, quick int
	}{{"256 KiB", 256 << 10, 256 << 10}, {"512 MiB", 512 << 20, 64 << 20}} {
		add(fmt.Sprintf("sequential read, uint64, %s", s.name), readU64.cases(sized(s.full, s.quick, u64Of)))
		add(fmt.Sprintf("sequential write, uint64, %s", s.name), writeU64.cases(sized(s.full, s.quick, u64Of)))
		add(fmt.Sprintf("sequential read, 32-byte struct, %s", s.name), readRec.cases(sized(s.full, s.quick, recOf)))
		add(fmt.Sprintf("sequential write, 32-byte struct, %s", s.name), writeRec.cases(sized(s.full, s.quick, recOf)))
	}
	for _, s := range []struct {
		name        string
		full, quick int
	}{{"32 MiB", 32 << 20, 32 << 20}, {"512 MiB", 512 << 20, 128 << 20}, {"2 GiB", 2 << 30, 256 << 20}} {
		add("random read, uint64, "+s.name, readRandom.cases(sized(s.full, s.quick, u64Of)))
		add("random write, uint64, "+s.name, writeRandom.cases(sized(s.full, s.quick, u64Of)))
	}
	return rows
}
