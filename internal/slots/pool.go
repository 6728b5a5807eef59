package slots

import (
	"fmt"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/order"
)

// Pool has the slots that hold no object: in the free list, in shards, in caches, or never used.
// What moves between these moves under mu, so that anyone who holds mu and all shards sees every
// slot; only those in caches belong to the owner of the cache.
//
// Locks are taken in this order: Flushing, Growing, Arriving, mu, the shards by index. Only the
// first three are held while the kernel works on a file; see unlocked.
type Pool struct {
	// Set before the slots are used, and only read then. Sizes are in bytes, counts in slots.
	Cap     uintptr        // the capacity
	Size    uintptr        // of an object
	Salt    uint64         // see FirstGeneration
	Slots   unsafe.Pointer // of the first slot
	Words   unsafe.Pointer // of the first slot's word
	Limits  *mem.Limits    // of the slots
	Shadows Shadows
	Durable bool // the Backing records which objects live: freed slots wait for a flush

	Backing  Backing
	SlowGrow bool // Grow waits for the kernel, and memory has to Arrive

	mostWaits uint64 // how many freed slots may wait for a flush in one magazine

	Flushing sync.Mutex // one Flush at a time
	Growing  sync.Mutex // one growth, or write of a file's length, at a time
	Arriving sync.Mutex // memory comes in for one at a time, beside a Sync too

	mu       sync.Mutex
	closed   atomic.Bool // changes under mu
	free     blockList
	waits    blockList // slots of a file that must not be used before its words were flushed
	flushing blockList // those of waits that the flush at work will make free
	stocks   int       // slots in the stocks of all magazines
	bump     int       // the first slot that was never allocated; those up to used follow
	tight    bool      // only caches had free slots; they hold none until many slots are free
	share    uint64    // how many slots each cache may hold

	blocks     []atomic.Pointer[[blockChunk]block]
	blockShift uint
	live       uint64 // objects that were there when the slab was opened

	registry sync.Mutex // of what follows, for a few instructions; taken after mu, or alone
	caches   map[*Magazine]struct{}
	allocs   uint64 // objects made from caches that are closed
	frees    uint64 // objects freed into them

	waiting   atomic.Int64  // how many are in waits and flushing, to read without mu
	freed     atomic.Uint64 // objects that were freed into no magazine
	used      atomic.Uint64 // slots with memory
	arrived   atomic.Uint64 // those up to here may be used for the first time, see here; grows under Arriving
	retired   atomic.Uint64
	cancelled atomic.Uint64 // slots that were allocated and came to hold no object
	clashes   atomic.Uint64 // calls of pick, which found the first shard locked

	_      [64]byte // what follows is mostly read: it shares no cache line with what changes
	shards []shard
	spread atomic.Uint32 // odd; a stack's address is multiplied by it to find a shard
	_      [64]byte
}

// Init makes the pool of a slab. Attach, AttachWords and the Backing follow.
func (p *Pool) Init(capacity int, size uintptr, salt uint64) {
	p.Cap, p.Size, p.Salt, p.Shadows = uintptr(capacity), size, salt, newShadows(capacity)
	p.blockShift = blockShift(size)
	p.blocks = make([]atomic.Pointer[[blockChunk]block], capacity>>p.blockShift/blockChunk+1)
	p.waits.kind, p.flushing.kind = waitingSlots, flushingSlots
	p.mostWaits = max(min(MagazineSize, waitsBytes/uint64(size)), 1)
	p.spread.Store(uint32(mix(1)) | 1)
	p.caches = map[*Magazine]struct{}{}
	p.shards = make([]shard, shardCount(capacity))
	for i := range p.shards {
		p.shards[i].place = uint32(i)
		p.shards[i].limit = MagazineSize
	}
}

// Attach shows the slots in the memory of these limits.
func (p *Pool) Attach(limits *mem.Limits) {
	p.Limits = limits
	// SAFETY: the address of a mapping, off the Go heap; the limits keep the address range from
	// being given to others.
	p.Slots = unsafe.Add(unsafe.Pointer(nil), limits.Base())
}

// AttachWords shows the words at an address.
func (p *Pool) AttachWords(addr uintptr) {
	// SAFETY: the address of a mapping, off the Go heap, that is closed after the slots only.
	p.Words = unsafe.Add(unsafe.Pointer(nil), addr)
}

// Slot returns the address of slot i.
func (p *Pool) Slot(i uintptr) unsafe.Pointer {
	// SAFETY: the callers have compared i with Cap, and compare the address with the limits before
	// they touch it.
	return unsafe.Add(p.Slots, i*p.Size)
}

// Word returns the address of the word of slot i.
func (p *Pool) Word(i uintptr) *uint64 { return WordAt(p.Words, i) }

// End returns the address after slot i.
func (p *Pool) End(i uintptr) uintptr { return uintptr(p.Slot(i)) + p.Size }

// Readable reports whether slot i can be read now.
func (p *Pool) Readable(i uintptr) bool { return p.End(i) <= p.Limits.Readable() }

// Refusal returns why slot i, which has memory, is beyond a limit: ErrClosed, ErrProtection, or
// ErrBounds if the mapping was cut.
func (p *Pool) Refusal(i, limit uintptr) error {
	if mem.Allows(limit) {
		return fmt.Errorf("slot %d was cut off: the mapping was shrunk or split: %w", i, mem.ErrBounds)
	}
	return mem.Refusal(limit)
}

// Used returns how many slots have memory. Those after them were never used.
func (p *Pool) Used() int     { return int(p.used.Load()) }
func (p *Pool) SetUsed(n int) { p.used.Store(uint64(n)) }

// Restore sets the generation of slot i while a slab is opened, from the last slot down to the
// first one.
func (p *Pool) Restore(i, generation uint32) {
	p.bump = max(p.bump, int(i)+1)
	switch {
	case generation&1 != 0:
		order.Publish(p.Word(uintptr(i)), uint64(generation)<<32)
		p.live++
	case generation == Retired:
		p.retire(i)
	default:
		p.push(&p.free, uint64(generation+1)<<32|uint64(i))
	}
}

// retire takes slot i, which holds no object, out of use for good.
func (p *Pool) retire(i uint32) {
	order.Publish(p.Word(uintptr(i)), Retired<<32)
	p.retired.Add(1)
}

// Usable returns why no object can be allocated at all, or nil.
func (p *Pool) Usable() error {
	if p.closed.Load() {
		return mem.ErrClosed
	}
	return p.Limits.Err(true)
}

// Closed reports whether the pool is closed. It does not wait for a Close at work.
func (p *Pool) Closed() bool { return p.closed.Load() }

// Close ends the use of the slots and their words: after it the words can be unmapped too. unmap
// unmaps the slots; if it fails the pool stays open. Nobody is inside a shard afterwards. Anyone
// who comes later finds it full, and takes the path that asks whether the pool is closed.
func (p *Pool) Close(unmap func() error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := unmap(); err != nil {
		return err
	}
	p.closed.Store(true)
	defer p.lockShards()()
	for i := range p.shards {
		setCount(&p.shards[i].n, MagazineSize)
	}
	return nil
}

// Flush makes durable which objects live, after which all slots are free that wait now. The caller
// holds Flushing.
func (p *Pool) Flush() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		return mem.ErrClosed
	}
	p.gather()
	return p.flushWords()
}

// flushWaiting makes slots that were freed usable again, unless others have done so. The caller
// holds mu, which is released meanwhile.
func (p *Pool) flushWaiting() error {
	return p.unlocked(&p.Flushing, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.closed.Load() || p.free.count > 0 || p.waits.count == 0 {
			return nil
		}
		return p.flushWords()
	})
}

// flushWords flushes the words, after which slots are free that waited before. Those that come to
// wait meanwhile are left to the next flush, since this one may have passed their words. The caller
// holds Flushing, and mu, which is released meanwhile.
func (p *Pool) flushWords() error {
	p.moveAll(&p.flushing, &p.waits)
	p.mu.Unlock()
	err := p.Backing.Flush()
	p.mu.Lock()
	if err != nil {
		p.moveAll(&p.waits, &p.flushing)
		return err
	}
	p.waiting.Add(-int64(p.flushing.count))
	p.moveAll(&p.free, &p.flushing)
	return nil
}

// empty moves all slots of a magazine to the pool. The caller holds mu and owns k.
func (p *Pool) empty(k *Magazine) {
	p.push(&p.free, k.handles[:k.n]...)
	setCount(&k.n, 0)
	p.moveWaiting(k)
	p.unstock(k)
}

// unstock moves the stock of a magazine to the free list. The caller holds mu.
func (p *Pool) unstock(k *Magazine) {
	p.push(&p.free, k.stock...)
	p.stocks -= len(k.stock)
	k.stock = nil
}

// unstockAll does it for all magazines, and reports whether there were any slots.
func (p *Pool) unstockAll() bool {
	if p.stocks == 0 {
		return false
	}
	for i := range p.shards {
		p.unstock(&p.shards[i].Magazine)
	}
	for k := range p.caches {
		p.unstock(k)
	}
	return true
}

// gather moves the slots of all shards and all stocks to the lists, and reports whether there were
// any. The caller holds mu.
func (p *Pool) gather() bool {
	before := p.free.count + p.waits.count
	p.unstockAll()
	defer p.lockShards()()
	for i := range p.shards {
		p.empty(&p.shards[i].Magazine)
	}
	return p.free.count+p.waits.count > before
}

// moveWaiting moves the slots that wait for a flush from a magazine to the pool. The caller holds
// mu and owns k.
func (p *Pool) moveWaiting(k *Magazine) {
	p.push(&p.waits, k.waiting[:k.waits]...)
	p.waiting.Add(int64(k.waits))
	setCount(&k.waits, 0)
}

// unlocked calls f, which waits for the kernel, without mu, which the caller holds; one is locked
// meanwhile. So only those wait who need the same. All that mu protects may change.
func (p *Pool) unlocked(one *sync.Mutex, f func() error) error {
	p.mu.Unlock()
	defer p.mu.Lock()
	one.Lock()
	defer one.Unlock()
	return f()
}
