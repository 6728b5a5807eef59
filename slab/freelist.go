package slab

import (
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/slots"
)

// Free slots lie in lists by block, a run of neighbouring slots of about four megabytes: so anyone
// who iterates can pass over a block in which no object lives, Trim works in steps, and slots with
// memory behind them are used before those whose memory Trim gave back.
const (
	leastBlock = 1 << 6 // slots
	mostBlock  = 1 << 12
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
	links [slotKinds]link // where the block stands in a queue of the blocks that have such slots
	cold  uint32          // slots at the end of the free list whose memory Trim gave back
	idle  atomic.Uint32   // slots in all lists
}

type link struct {
	queue      *uint32 // the head of the queue that the block is in, nil for none
	prev, next uint32  // block+1
}

// blockList has all free slots of one kind.
type blockList struct {
	kind       int
	count      int
	warm, cold uint32 // the first block of each queue, +1; the blocks in cold have cold slots only
}

const (
	freeSlots     = iota // of pool.free
	waitingSlots         // of pool.waits
	flushingSlots        // of pool.flushing
	slotKinds
)

// blockShift returns the base-2 logarithm of the number of slots in a block.
func blockShift(size uintptr) uint {
	shift := uint(0)
	for n := leastBlock; n < mostBlock && uintptr(n)*size < blockBytes; n *= 2 {
		shift++
	}
	return shift + 6
}

// blockSlots returns the number of slots in a block.
func (c *core) blockSlots() int { return 1 << c.blockShift }

// blockAt returns block n, or nil if neither it nor its neighbours ever had a free slot.
func (c *core) blockAt(n int) *block {
	if n/blockChunk >= len(c.blocks) {
		return nil
	}
	chunk := c.blocks[n/blockChunk].Load()
	if chunk == nil {
		return nil
	}
	return &chunk[n%blockChunk]
}

// blockOf returns the block of a slot, and its number. It makes the block if there is none yet.
func (c *core) blockOf(slot uint32) (b *block, n int) {
	n = int(slot >> c.blockShift)
	chunk := &c.blocks[n/blockChunk]
	if chunk.Load() == nil {
		chunk.Store(new([blockChunk]block))
	}
	return &chunk.Load()[n%blockChunk], n
}

// push adds a slot by the handle of its next object. The caller holds mu.
func (c *core) push(l *blockList, h uint64) {
	i := slots.Index(h)
	b, n := c.blockOf(i)
	at := &b.lists[l.kind]
	slots.Publish(slots.WordAt(c.words, uintptr(i)), uint64(slots.Generation(h)-1)<<32|uint64(at.head))
	if at.head = i + 1; at.count == 0 {
		at.tail = at.head
	}
	at.count++
	l.count++
	b.idle.Store(b.idle.Load() + 1)
	c.requeue(l, b, n)
}

// shift takes a slot out of a list that is not empty, and returns the handle of its next object.
// The caller holds mu.
func (c *core) shift(l *blockList) uint64 {
	n := l.warm
	if n == 0 {
		n = l.cold
	}
	b := c.blockAt(int(n - 1))
	at := &b.lists[l.kind]
	i := at.head - 1
	word := slots.Load(slots.WordAt(c.words, uintptr(i)))
	at.head = uint32(word)
	at.count--
	l.count--
	b.cold = min(b.cold, b.lists[freeSlots].count)
	b.idle.Store(b.idle.Load() - 1)
	c.requeue(l, b, int(n-1))
	return uint64(slots.Generation(word)+1)<<32 | uint64(i)
}

// moveAll moves all slots from one list, which has no cold ones, to another. The caller holds mu.
func (c *core) moveAll(to, from *blockList) {
	for from.warm != 0 {
		n := int(from.warm - 1)
		b := c.blockAt(n)
		moved := int(b.lists[from.kind].count)
		c.join(&b.lists[to.kind], &b.lists[from.kind])
		from.count -= moved
		to.count += moved
		c.requeue(from, b, n)
		c.requeue(to, b, n)
	}
}

// join moves all of from to the front of to. The caller holds mu.
func (c *core) join(to, from *list) {
	if from.count == 0 {
		return
	}
	w := slots.WordAt(c.words, uintptr(from.tail-1))
	slots.Publish(w, uint64(slots.Generation(slots.Load(w)))<<32|uint64(to.head))
	if to.count == 0 {
		to.tail = from.tail
	}
	to.head = from.head
	to.count += from.count
	*from = list{}
}

// requeue moves a block whose list has changed to the queue where it belongs.
func (c *core) requeue(l *blockList, b *block, n int) {
	var queue *uint32
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
	if at.queue != nil {
		if at.prev != 0 {
			c.blockAt(int(at.prev - 1)).links[l.kind].next = at.next
		} else {
			*at.queue = at.next
		}
		if at.next != 0 {
			c.blockAt(int(at.next - 1)).links[l.kind].prev = at.prev
		}
	}
	*at = link{queue: queue}
	if queue != nil {
		if at.next = *queue; at.next != 0 {
			c.blockAt(int(at.next - 1)).links[l.kind].prev = uint32(n) + 1
		}
		*queue = uint32(n) + 1
	}
}

// idleBlock reports whether slot i begins a block without objects, and how many slots that block
// has. It reads one number.
func (c *core) idleBlock(i uintptr) (slots uintptr, idle bool) {
	slots = uintptr(c.blockSlots())
	if i&(slots-1) != 0 {
		return 0, false
	}
	b := c.blockAt(int(i >> c.blockShift))
	return slots, b != nil && b.idle.Load() == uint32(slots)
}
