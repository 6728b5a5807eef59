package slots

import (
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/testkit"
)

// slotSize is how large the objects of the tests are.
const slotSize = 256

// testPool is a pool with memory of its own. It is the pool's Backing too, and counts what is live.
type testPool struct {
	Pool
	m     *typedmem.Mapping
	flush func() error // what Flush does, where it is set
}

// newPool makes a pool. durable: freed slots wait for a Flush.
func newPool(t testing.TB, capacity int, durable bool) *testPool {
	t.Helper()
	mapped := func(size, capacity int) *typedmem.Mapping {
		r := mem.Request{Size: size, Capacity: capacity, Flags: flags.NoReserve, Protection: flags.Read | flags.Write}
		m := testkit.Must(mem.Map[*typedmem.Mapping](r))(t)
		t.Cleanup(func() { testkit.Check(t, m.Close()) })
		return m
	}
	p := &testPool{m: mapped(0, capacity*slotSize)}
	p.Init(capacity, slotSize, 1)
	p.Attach(mem.Of(p.m).Limits())
	p.AttachWords(mapped(capacity*8, 0).Addr())
	p.Durable = durable
	p.Backing = p
	return p
}

func (p *testPool) Grow(_, to int) error     { return p.m.Resize(to * slotSize) }
func (p *testPool) Arrive(_, _ int) error    { return nil }
func (p *testPool) Record(_, _ uint32) error { return nil }
func (p *testPool) Released(uint64)          {}
func (p *testPool) After(_, g uint32) uint32 { return g + 1 }
func (p *testPool) Flush() error {
	return testkit.Cond(p.flush != nil, p.flush, func() error { return nil })()
}
func (p *testPool) alloc() (h uint64, err error) { return p.complete(p.Allocate()) }

func (p *testPool) allocFrom(k *Magazine) (uint64, error) { return p.complete(p.AllocateFrom(k)) }

func (p *testPool) complete(h uint64, err error) (uint64, error) {
	if err != nil {
		return 0, err
	}
	return h, p.Complete(h)
}

func (p *testPool) release(h uint64) error {
	if !p.Durable && p.Pool.Free(h) {
		return nil
	}
	return p.releaseInto(nil, h)
}

// releaseInto frees an object into a cache.
func (p *testPool) releaseInto(k *Magazine, h uint64) error {
	for {
		w := p.Word(uintptr(Index(h)))
		if done, err := p.Release(k, w, Load(w), h); done || err != nil {
			return err
		}
	}
}

// trim pretends that all memory of free slots can be released.
func (p *testPool) trim() (bytes int, err error) {
	const page = 4096
	return p.Trim(func(lo, hi int) (first, last int, err error) {
		if first, last = (lo+page-1)/page*page, hi/page*page; first >= last {
			return 0, 0, nil
		}
		return first, last, nil
	})
}

// all counts the objects, block by block.
func (p *testPool) all() (n int) {
	for i := uintptr(0); i < uintptr(p.Used()); i++ {
		if size, idle := p.IdleBlock(i); idle {
			i += size - 1
		} else if IsLive(Load(p.Word(i))) {
			n++
		}
	}
	return n
}

// adds checks that the numbers of Counts are together the capacity, with so many objects.
func (p *testPool) adds(t testing.TB, live int) Counts {
	t.Helper()
	n := p.Counts()
	if n.Live != live || n.Free < 0 || n.Live+n.Free+n.Waiting+n.Cached+n.Retired != int(p.Cap) || n.Allocs-n.Frees != uint64(live) {
		t.Fatalf("%d objects of %d: %+v", live, p.Cap, n)
	}
	return n
}
