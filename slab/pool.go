package slab

import (
	"sync"
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/slots"
)

// pool has the slots that hold no object: in the free list, in shards, in caches, or never used.
// What moves between these moves under mu, so that anyone who holds mu and all shards sees every
// slot; only those in caches belong to the owner of the cache.
//
// Locks are taken in this order: closing, flushLock, growing, mu, the shards by index. Only the
// first three are held while the kernel works on a file; see unlocked.
type pool struct {
	closing   sync.Mutex // one Close at a time
	flushLock sync.Mutex // one flush of a file's words at a time
	growing   sync.Mutex // one growth, or write of a file's length, at a time

	mu       sync.Mutex
	closed   atomic.Bool // changes under mu
	free     blockList
	waits    blockList // slots of a file that must not be used before its words were flushed
	flushing blockList // those of waits that a flush which is at work will make free
	stocks   int       // slots in the stocks of all magazines
	bump     int       // the first slot that was never handed out; those up to used follow
	tight    bool      // there was no free slot but in caches, which keep none until there are many again
	share    uint64    // how many slots each cache may keep

	registry sync.Mutex // of what follows, for a few instructions; taken after mu, or alone
	caches   map[*magazine]struct{}
	allocs   uint64 // objects made from caches that are closed
	frees    uint64 // objects freed into them

	waiting   atomic.Int64  // how many are in waits and flushing, to read without mu
	freed     atomic.Uint64 // objects that were freed into no magazine
	used      atomic.Uint64 // slots with memory behind them
	retired   atomic.Uint64
	cancelled atomic.Uint64 // slots that were popped and came to hold no object
	clashes   atomic.Uint64 // calls of pick, which found the first shard held

	_      [64]byte // what follows is only read, mostly: it keeps off the cache lines of what is not
	shards []shard
	spread atomic.Uint32 // what a stack's address is multiplied with to find a shard: odd
	_      [64]byte
}

// empty moves all slots of a magazine to the pool. The caller holds mu and owns k.
func (c *core) empty(k *magazine) {
	for _, h := range k.handles[:k.n] {
		c.push(&c.pool.free, h)
	}
	slots.SetCount(&k.n, 0)
	c.moveWaiting(k)
	c.unstock(k)
}

// unstock moves the stock of a magazine to the free list. The caller holds mu.
func (c *core) unstock(k *magazine) {
	for _, h := range k.stock {
		c.push(&c.pool.free, h)
	}
	c.pool.stocks -= len(k.stock)
	k.stock = nil
}

// unstockAll does it for all magazines, and reports whether there were any slots.
func (c *core) unstockAll() bool {
	p := &c.pool
	if p.stocks == 0 {
		return false
	}
	for i := range p.shards {
		c.unstock(&p.shards[i].magazine)
	}
	for k := range p.caches {
		c.unstock(k)
	}
	return true
}

// lockShards locks all shards; the caller holds mu, and calls unlock.
func (p *pool) lockShards() (unlock func()) {
	for i := range p.shards {
		p.shards[i].lockWait()
	}
	return func() {
		for i := range p.shards {
			p.shards[i].unlock()
		}
	}
}

// gather moves the slots of all shards and all stocks to the lists, and reports whether there were
// any. The caller holds mu.
func (c *core) gather() bool {
	p := &c.pool
	before := p.free.count + p.waits.count
	c.unstockAll()
	defer p.lockShards()()
	for i := range p.shards {
		c.empty(&p.shards[i].magazine)
	}
	return p.free.count+p.waits.count > before
}

// moveWaiting moves the slots that wait for a flush from a magazine to the pool. The caller holds
// mu and owns k.
func (c *core) moveWaiting(k *magazine) {
	for _, h := range k.waiting[:k.waits] {
		c.push(&c.pool.waits, h)
	}
	c.pool.waiting.Add(int64(k.waits))
	slots.SetCount(&k.waits, 0)
}

// unlocked calls f, which waits for the kernel, without mu, which the caller holds; one is locked
// meanwhile. So only those wait who need the same. All that mu protects may change.
func (p *pool) unlocked(one *sync.Mutex, f func() error) error {
	p.mu.Unlock()
	defer p.mu.Lock()
	one.Lock()
	defer one.Unlock()
	return f()
}

// shut ends the use of the slots and their words, which can be unmapped after it. The caller holds
// mu. Nobody is inside a shard then. Anyone who comes later finds it full, and takes the path that
// asks whether the slab is closed.
func (p *pool) shut() {
	p.closed.Store(true)
	defer p.lockShards()()
	for i := range p.shards {
		slots.SetCount(&p.shards[i].n, magazineSize)
	}
}
