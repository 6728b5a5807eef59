package slots

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/testkit"
)

// A slot of a snapshot goes on with an even generation, no smaller than it had and not below the
// first one, and keeps half of its objects. Words of objects and free slots are told apart.
func TestSnapshotsGoOn(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) // the same each time: a word's checksum is that of another one by chance, too
	for range 100_000 {
		salt, i := random.Uint64(), random.Uint32()
		g := random.Uint32N(Retired) + 1
		if random.IntN(4) == 0 {
			g = Retired - random.Uint32N(8)
		}
		first := FirstGeneration(salt, i)
		next := Continue(salt, i, g)
		switch {
		case next%2 != 0 || next < g || next > Retired || next < first:
			t.Fatalf("after %d comes %d; the first one is %d", g, next, first)
		case first > g && next != first:
			t.Fatalf("after %d comes %d and not the first one, %d", g, next, first)
		case first <= g && 2*int64(Retired-next)+2 < int64(Retired-g):
			t.Fatalf("after %d comes %d", g, next)
		}
		word := InheritedWord(salt, i, g)
		live := g%2 == 1
		if inherited, ok := CheckFileWord(salt, i, word); ok != live || inherited != live {
			t.Fatalf("the inherited word of generation %d: %v, %v", g, inherited, ok)
		}
		if inherited, ok := CheckFileWord(salt, i, FileWord(salt, i, g)); ok != (g >= first) || inherited {
			t.Fatalf("the word of generation %d, the first one is %d: %v, %v", g, first, inherited, ok)
		}
	}
	if Continue(1, 1, LastLive) != Retired || Continue(1, 1, Retired) != Retired {
		t.Error("a slot that is exhausted goes on")
	}
}

// While a pool is stopped a cache makes the objects that it has slots for, and frees none.
func TestStopKeepsCachesOut(t *testing.T) {
	p := newPool(t, 10_000, false)
	k := p.NewCache()
	h := testkit.Must(p.allocFrom(k))(t)
	resume := p.Stop()
	if k.HasRoom() {
		t.Error("a cache has room")
	}
	freed, allocated := make(chan error), make(chan error)
	go func() { allocated <- second(p.alloc()) }()
	go func() {
		_, err := p.Release(k, p.Word(uintptr(Index(h))), Load(p.Word(uintptr(Index(h)))), h)
		freed <- err
	}()
	select {
	case <-freed:
		t.Error("Free does not wait")
	case <-allocated:
		t.Error("Alloc does not wait")
	case <-time.After(10 * time.Millisecond):
	}
	resume()
	testkit.Check(t, <-freed)
	testkit.Check(t, <-allocated)
	if !k.HasRoom() {
		t.Error("the cache has no room afterwards")
	}
}

func second(_ uint64, err error) error { return err }
