package slots

import (
	"errors"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
)

// arrivals is a Backing whose memory has to arrive.
type arrivals struct {
	*testPool
	t    *testing.T
	here []bool
	most int   // slots in one call
	err  error // of the next calls
}

func (a *arrivals) Arrive(from, to int) error {
	if a.err != nil {
		return a.err
	}
	if to > a.Used() || from >= to {
		a.t.Errorf("slots %d to %d are to arrive, of %d with memory", from, to, a.Used())
	}
	a.most = max(a.most, to-from)
	for i := from; i < to; i++ {
		a.here[i] = true
	}
	return nil
}

func newArrivals(t *testing.T, n int) *arrivals {
	p := newPool(t, n, false)
	a := &arrivals{testPool: p, t: t, here: make([]bool, n)}
	p.Backing, p.SlowGrow = a, true
	return a
}

func (a *arrivals) take() uint64 {
	a.t.Helper()
	h := testkit.Must(a.alloc())(a.t)
	if !a.here[Index(h)] {
		a.t.Fatalf("slot %d is used, and its memory has not arrived", Index(h))
	}
	return h
}

// A slot is used for the first time once its memory has arrived, after a Trim as well.
func TestSlotsAreUsedWhenTheyHaveArrived(t *testing.T) {
	const n = 20_000
	a := newArrivals(t, n)
	for i := range n {
		a.take()
		if i == n/2 {
			clear(a.here[a.bump:]) // shards of other processors hold some before that
			testkit.Must(a.trim())(t)
		}
	}
	if step := 1 << 20 / slotSize; a.most > step || a.most < step/4 {
		t.Errorf("%d slots arrive at once, %d are 1 MiB", a.most, step)
	}
	a.adds(t, n)
}

// Slots whose memory cannot arrive are not used: a free one is, or the error is that of Arrive.
func TestSlotsThatCannotArrive(t *testing.T) {
	a := newArrivals(t, 20_000)
	h := a.take()
	for range 1000 {
		a.take()
	}
	a.err = errors.New("injected")
	count := 1001
	for ; ; count++ {
		if _, err := a.alloc(); err != nil {
			testkit.Is(t, err, a.err)
			break
		}
	}
	testkit.Check(t, a.release(h))
	if again := testkit.Must(a.allocFrom(a.NewCache()))(t); Index(again) != Index(h) { // it is in a shard
		t.Errorf("slot %d, not the free one", Index(again))
	}
	if _, err := a.alloc(); !errors.Is(err, a.err) {
		t.Errorf("a slot came from where none can: %v", err)
	}
	a.adds(t, count)
	a.err = nil
	a.take()
}
