package slots

import (
	"cmp"
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/order"
)

// Free slots are in lists by block. A block is a run of neighbouring slots of about four megabytes.
// So an iteration can pass over a block without objects, Trim works in steps, and slots with memory
// are used before those whose memory Trim released.
const (
	leastShift = 6  // a block has at least 1<<leastShift slots
	mostShift  = 12 // and at most 1<<mostShift
	blockBytes = 4 << 20
	blockChunk = 64 // blocks that are made at a time
)

// list is a chain of free slots through the lower half of their words.
type list struct {
	head, tail uint32 // index+1, 0 for none
	count      uint32
}

// block is the state of one run of slots. All but idle is read and changed under mu.
type block struct {
	lists [slotKinds]list
	links [slotKinds]link // its place in the queue of the blocks that have such slots
	cold  uint32          // slots at the end of the free list whose memory Trim released
	idle  atomic.Uint32   // slots in all lists
}

type link struct {
	queue      **block // the head of the queue that the block is in, nil if in none
	prev, next *block
}

// blockList has all free slots of one kind.
type blockList struct {
	kind       int
	count      int
	warm, cold *block // the first block of each queue; blocks in cold have only cold slots
}

const (
	freeSlots     = iota // of Pool.free
	waitingSlots         // of Pool.waits
	flushingSlots        // of Pool.flushing
	slotKinds
)

// blockShift returns the base-2 logarithm of the number of slots in a block.
func blockShift(size uintptr) uint {
	shift := uint(leastShift)
	for shift < mostShift && size<<shift < blockBytes {
		shift++
	}
	return shift
}

// blockSlots returns the number of slots in a block.
func (p *Pool) blockSlots() int { return 1 << p.blockShift }

// blockAt returns block n, or nil if neither it nor its neighbours ever had a free slot.
func (p *Pool) blockAt(n int) *block {
	chunk := p.blocks[n/blockChunk].Load()
	if chunk == nil {
		return nil
	}
	return &chunk[n%blockChunk]
}

// push adds slots by the handles of their next objects. The caller holds mu.
func (p *Pool) push(l *blockList, handles ...uint64) {
	for _, h := range handles {
		n := int(Index(h) >> p.blockShift)
		if chunk := &p.blocks[n/blockChunk]; chunk.Load() == nil {
			chunk.Store(new([blockChunk]block))
		}
		b := p.blockAt(n)
		p.prepend(&b.lists[l.kind], Index(h), Generation(h)-1)
		l.count++
		b.idle.Store(b.idle.Load() + 1)
		l.requeue(b)
	}
}

// prepend puts slot i, which has this generation, in front of a list.
func (p *Pool) prepend(at *list, i, generation uint32) {
	order.Publish(p.Word(uintptr(i)), uint64(generation)<<32|uint64(at.head))
	if at.head = i + 1; at.count == 0 {
		at.tail = at.head
	}
	at.count++
}

// shift takes a slot out of a list that is not empty, and returns the handle of its next object.
// The caller holds mu.
func (p *Pool) shift(l *blockList) uint64 {
	b := cmp.Or(l.warm, l.cold)
	at := &b.lists[l.kind]
	i := at.head - 1
	word := Load(p.Word(uintptr(i)))
	at.head = uint32(word)
	at.count--
	l.count--
	b.cold = min(b.cold, b.lists[freeSlots].count)
	b.idle.Store(b.idle.Load() - 1)
	l.requeue(b)
	return uint64(Generation(word)+1)<<32 | uint64(i)
}

// moveAll moves all slots from one list, which has no cold ones, to another. The caller holds mu.
func (p *Pool) moveAll(to, from *blockList) {
	for from.warm != nil {
		b := from.warm
		old, at := &b.lists[from.kind], &b.lists[to.kind]
		last := p.Word(uintptr(old.tail - 1))
		order.Publish(last, uint64(Generation(Load(last)))<<32|uint64(at.head))
		if at.count == 0 {
			at.tail = old.tail
		}
		at.head = old.head
		at.count += old.count
		from.count -= int(old.count)
		to.count += int(old.count)
		*old = list{}
		from.requeue(b)
		to.requeue(b)
	}
}

// requeue moves a block whose list has changed to the queue where it belongs.
func (l *blockList) requeue(b *block) {
	var queue **block
	switch count := b.lists[l.kind].count; {
	case count == 0:
	case l.kind == freeSlots && count <= b.cold:
		queue = &l.cold
	default:
		queue = &l.warm
	}
	at := &b.links[l.kind]
	if at.queue == queue {
		return
	}
	if at.prev != nil {
		at.prev.links[l.kind].next = at.next
	} else if at.queue != nil {
		*at.queue = at.next
	}
	if at.next != nil {
		at.next.links[l.kind].prev = at.prev
	}
	*at = link{queue: queue}
	if queue != nil {
		if at.next = *queue; at.next != nil {
			at.next.links[l.kind].prev = b
		}
		*queue = b
	}
}

// IdleBlock reports whether slot i begins a block without objects, and how many slots that block
// has. It reads one number.
func (p *Pool) IdleBlock(i uintptr) (slots uintptr, idle bool) {
	slots = uintptr(p.blockSlots())
	if i&(slots-1) != 0 {
		return 0, false
	}
	b := p.blockAt(int(i >> p.blockShift))
	return slots, b != nil && b.idle.Load() == uint32(slots)
}
