package slots

import (
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
)

// freedByOne returns a pool whose n slots were all used and then freed by one cache, which has
// thousands of them in stock.
func freedByOne(t *testing.T, n int) (*testPool, *Magazine) {
	t.Helper()
	p := newPool(t, n, false)
	k := p.NewCache()
	all := make([]uint64, n)
	for i := range all {
		all[i] = testkit.Must(p.allocFrom(k))(t)
	}
	for i, h := range all {
		testkit.Check(t, p.releaseInto(k, h))
		if i%1000 == 0 {
			p.adds(t, n-i-1)
		}
	}
	if len(k.stock) < stockSize {
		t.Fatalf("the cache has %d slots in stock, of %d that it freed", len(k.stock), n)
	}
	p.adds(t, 0)
	return p, k
}

// What one cache has in stock is free to all: the slab is full when every slot holds an object, but
// for those that the cache has parked.
func TestSlotsInAnothersStockAreFound(t *testing.T) {
	const n = 3 * stockSize / 2
	type allocs []func() (uint64, error)
	cache := func(p *testPool) func() (uint64, error) {
		k := p.NewCache()
		return func() (uint64, error) { return p.allocFrom(k) }
	}
	for name, by := range map[string]func(p *testPool) allocs{
		"pool":  func(p *testPool) allocs { return allocs{p.alloc} },
		"cache": func(p *testPool) allocs { return allocs{cache(p)} },
		"both":  func(p *testPool) allocs { return allocs{p.alloc, cache(p), cache(p)} },
	} {
		t.Run(name, func(t *testing.T) {
			p, owner := freedByOne(t, n)
			seen := map[uint32]bool{}
			take := func(alloc func() (uint64, error)) bool {
				h, err := alloc()
				if err == ErrFull {
					return false
				}
				if err != nil || seen[Index(h)] {
					t.Fatalf("slot %d twice, or %v", Index(h), err)
				}
				seen[Index(h)] = true
				if len(seen)%1000 == 0 {
					p.adds(t, len(seen))
				}
				return true
			}
			for left := by(p); len(left) > 0; {
				if i := len(seen) % len(left); !take(left[i]) {
					left = append(left[:i:i], left[i+1:]...)
				}
			}
			if c := p.adds(t, len(seen)); c.Free != 0 || len(seen) != n-c.Cached || c.Cached > MagazineSize {
				t.Fatalf("full with %d objects of %d: %+v", len(seen), n, c)
			}
			for take(func() (uint64, error) { return p.allocFrom(owner) }) {
			}
			if p.adds(t, n); len(seen) != n {
				t.Fatalf("full with %d objects of %d", len(seen), n)
			}
		})
	}
}

func TestACacheFindsItsOwnStock(t *testing.T) {
	const n = 3 * stockSize / 2
	p, k := freedByOne(t, n)
	seen := map[uint32]bool{}
	for range n {
		h, err := p.allocFrom(k)
		if err != nil || seen[Index(h)] {
			t.Fatalf("object %d: %v", len(seen), err)
		}
		seen[Index(h)] = true
	}
	if _, err := p.allocFrom(k); err != ErrFull {
		t.Fatalf("object %d of %d: %v", n+1, n, err)
	}
	p.adds(t, n)
}

func TestTrimGivesBackWhatIsInStock(t *testing.T) {
	const n = 3 * stockSize / 2
	p, _ := freedByOne(t, n)
	bytes, err := p.trim()
	if err != nil || bytes < (n-MagazineSize)*slotSize-4*p.m.PageSize() {
		t.Fatalf("%d bytes of %d given back (%v)", bytes, n*slotSize, err)
	}
	p.adds(t, 0)
}

func TestACacheThatIsClosedGivesItsStockBack(t *testing.T) {
	const n = 3 * stockSize / 2
	p, k := freedByOne(t, n)
	p.CloseCache(k)
	if c := p.adds(t, 0); c.Free != n {
		t.Fatalf("%+v", c)
	}
	for i := range n {
		_, err := p.alloc()
		testkit.Check(t, err, "object ", i)
	}
}

// Between the look at a magazine that is empty and its refill others may have put slots there.
func TestARefillThatComesLateLosesNothing(t *testing.T) {
	const n = 3 * stockSize / 2
	for _, already := range []uint64{0, 1, MagazineSize / 2, MagazineSize/2 + 1, 100, MagazineSize - 1, MagazineSize} {
		p, k := freedByOne(t, n)
		for k.n != already {
			if k.n > already {
				testkit.Check(t, p.release(testkit.Must(p.allocFrom(k))(t))) // into a shard
			} else if err := p.refill(k, nil); err != nil || k.n == 0 {
				t.Fatal(err)
			}
		}
		before := len(k.stock) + int(k.n)
		testkit.Check(t, p.refill(k, nil))
		if after := len(k.stock) + int(k.n); after != before || k.n > MagazineSize {
			t.Fatalf("a magazine with %d slots: %d with the stock before, %d after, %d in the magazine", already, before, after, k.n)
		}
		p.CloseCache(k)
		if c := p.adds(t, 0); c.Free != n {
			t.Fatalf("a magazine with %d slots: %+v", already, c)
		}
	}
}
