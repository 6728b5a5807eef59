package slots

import (
	"math/rand/v2"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
)

// The lists hold what was put into them, whatever the order and with Trim between; counts, queues
// and the numbers that IdleBlock reads agree.
func TestTheListsOfFreeSlotsAgree(t *testing.T) {
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 1))
		p := newPool(t, 20000+r.IntN(20000), false)
		var live []uint64
		for range 200 {
			switch n := r.IntN(3000); r.IntN(5) {
			case 0, 1:
				for range n {
					if h, err := p.alloc(); err == nil {
						live = append(live, h)
					}
				}
			case 2, 3:
				r.Shuffle(len(live), func(i, j int) { live[i], live[j] = live[j], live[i] })
				for range min(n, len(live)) {
					testkit.Check(t, p.release(live[len(live)-1]))
					live = live[:len(live)-1]
				}
			default:
				testkit.Must(p.trim())(t)
			}
			p.checkLists(t)
			if n := p.all(); n != len(live) {
				t.Fatalf("%d objects are found, %d live", n, len(live))
			}
			p.adds(t, len(live))
		}
	}
}

func (p *testPool) checkLists(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	total := 0
	for n := range (int(p.Cap) + p.blockSlots() - 1) >> p.blockShift {
		b := p.blockAt(n)
		if b == nil {
			continue
		}
		at := &b.lists[freeSlots]
		count := 0
		for slot := at.head; slot != 0 && count < int(at.count); count++ {
			word := Load(p.Word(uintptr(slot - 1)))
			if IsLive(word) || int(slot-1)>>p.blockShift != n {
				t.Fatalf("block %d: slot %d in its list is %x", n, slot-1, word)
			}
			if count == int(at.count)-1 && slot != at.tail {
				t.Fatalf("block %d: the list ends with slot %d, not %d", n, slot-1, int(at.tail)-1)
			}
			slot = uint32(word)
		}
		total += count
		queue := b.links[freeSlots].queue
		if count != int(at.count) || b.idle.Load() != at.count || b.cold > at.count ||
			(queue == nil) != (count == 0) || count > 0 && (queue == &p.free.cold) != (at.count == b.cold) {
			t.Fatalf("block %d: %d slots of %+v, idle %d, cold %d", n, count, at, b.idle.Load(), b.cold)
		}
	}
	if total != p.free.count {
		t.Fatalf("%d slots in the lists, counted are %d", total, p.free.count)
	}
}
