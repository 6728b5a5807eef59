package slab

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/faults"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
)

// pool is where the slots are that hold no object: in the free list, in the shards, in caches, or
// never used. What moves between these moves under mu, so that anyone who holds mu and all shards
// sees every slot; only those of caches are their owners' own.
//
// Locks are taken in this order: closing, settling, growing, mu, the shards by index. Only the
// first three are held while the kernel works for a file, see apart.
type pool struct {
	closing  sync.Mutex // one Close at a time
	settling sync.Mutex // one flush of a file's words at a time
	growing  sync.Mutex // one growth, or write of a file's length, at a time

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

	waiting atomic.Int64  // how many are in waits and flushing, to read without mu
	freed   atomic.Uint64 // objects that were freed into no magazine
	used    atomic.Uint64 // slots with memory behind them
	retired atomic.Uint64
	spoilt  atomic.Uint64 // slots that were popped and came to hold no object
	clashes atomic.Uint64 // calls of pick, which found the first shard held

	_      [64]byte // what follows is only read, mostly: it keeps off the cache lines of what is not
	shards []shard
	spread atomic.Uint32 // what a stack's address is multiplied with to find a shard: odd
	_      [64]byte
}

// empty moves all slots of a magazine to the pool; the caller holds mu and owns k.
func (c *core) empty(k *magazine) {
	for _, h := range k.handles[:k.n] {
		c.push(&c.pool.free, h)
	}
	slots.SetCount(&k.n, 0)
	c.await(k)
	c.unstock(k)
}

// unstock moves the slots that a magazine has in stock to the free list; the caller holds mu.
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

// gather moves the slots of all shards and what the caches have in stock to the lists, and reports
// whether there were any.
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

// spill makes room in a magazine that is full: half of what can be used, all that waits. s is nil
// for a cache, whose owner calls; a shard must not be locked.
func (c *core) spill(k *magazine, s *shard) {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		return
	}
	if s != nil {
		s.lockWait()
		defer s.unlock()
	}
	if room := k.room(); k.n >= room { // the older half goes: what was freed last is in the processor's cache
		rest := room / 2
		old := k.handles[:k.n-rest]
		if len(k.stock) < stockSize && !p.tight {
			k.stock = append(k.stock, old...)
			p.stocks += len(old)
		} else {
			for _, h := range old {
				c.push(&p.free, h)
			}
		}
		copy(k.handles[:rest], k.handles[len(old):k.n])
		slots.SetCount(&k.n, rest)
	}
	if k.waits >= min(k.room(), uint64(c.mostWaits)) {
		c.await(k)
	}
}

// await moves the slots that wait for a flush from a magazine to the pool; the caller holds mu and
// owns k.
func (c *core) await(k *magazine) {
	for _, h := range k.waiting[:k.waits] {
		c.push(&c.pool.waits, h)
	}
	c.pool.waiting.Add(int64(k.waits))
	slots.SetCount(&k.waits, 0)
}

// refill puts slots into an empty magazine; see spill for s. It returns ErrFull when there is none,
// and why where memory cannot be had.
func (c *core) refill(k *magazine, s *shard) error {
	faults.Look()
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := c.usable(); err != nil {
		return shell.Fail("alloc", err)
	}
	stocked := len(k.stock) > 0
	if !stocked {
		if err := c.provide(); err != nil {
			return err
		}
	}
	if s != nil {
		s.lockWait()
		defer s.unlock()
	}
	if stocked {
		rest := len(k.stock) - min(len(k.stock), magazineSize/2, max(int(k.room()), 1), int(magazineSize-k.n))
		slots.SetCount(&k.n, k.n+uint64(copy(k.handles[k.n:], k.stock[rest:])))
		p.stocks -= len(k.stock) - rest
		k.stock = k.stock[:rest]
		return nil
	}
	most := p.free.count + int(c.n) - p.bump
	if p.tight && most > int(c.n)/4 {
		p.tight = false
		c.allot()
	}
	batch := min(magazineSize/2, max(1, min(most/16, int(k.room()))))
	start := k.n
	for k.n < start+uint64(batch) && k.n < magazineSize && (p.free.count > 0 || p.bump < int(p.used.Load())) {
		k.push(c.next())
	}
	// The slot with the lowest address is handed out first.
	for a, b := start, k.n; a+1 < b; a, b = a+1, b-1 {
		k.handles[a], k.handles[b-1] = k.handles[b-1], k.handles[a]
	}
	return nil
}

// next takes a slot that provide has found.
func (c *core) next() uint64 {
	p := &c.pool
	if p.free.count > 0 {
		return c.shift(&p.free)
	}
	i := uint32(p.bump)
	p.bump++
	return uint64(slots.FirstGeneration(c.salt, i)+1)<<32 | uint64(i)
}

// apart calls f, which waits for the kernel, without mu, which the caller holds: nobody else waits
// but who needs the same. Meanwhile all that mu protects may change. one is locked while f is at
// work.
func (p *pool) apart(one *sync.Mutex, f func() error) error {
	p.mu.Unlock()
	defer p.mu.Lock()
	one.Lock()
	defer one.Unlock()
	return f()
}

// provide sees to it that next finds a slot. It may give mu up meanwhile.
func (c *core) provide() error {
	p := &c.pool
	for {
		if err := c.usable(); err != nil {
			return shell.Fail("alloc", err)
		}
		used := int(p.used.Load())
		switch {
		case p.free.count > 0 || p.bump < used:
			return nil
		case p.waits.count > 0 && (used == int(c.n) || p.waits.count >= min(max(c.leastWaiting, used/2), c.mostWaiting)):
			if err := c.settle(); err != nil {
				return shell.Fail("alloc", err)
			}
		case p.stocks >= c.mostStocked(used) && c.unstockAll():
		case used < int(c.n):
			if err := c.grow(used); err != nil && !c.findMore() {
				return shell.Fail("alloc", err)
			}
		case c.gather():
		case p.flushing.count == 0:
			return full
		default: // somebody's flush is about to make slots free
			if err := c.settle(); err != nil {
				return shell.Fail("alloc", err)
			}
		}
	}
}

// findMore looks for slots where there is no memory for more, as on a full disk: what others hold,
// and what waits for a flush.
func (c *core) findMore() bool {
	p := &c.pool
	c.gather()
	return p.free.count > 0 || p.waits.count+p.flushing.count > 0 && c.settle() == nil
}

// leastStocked is in bytes, see mostStocked.
const leastStocked = 2 << 20

// mostStocked is how many slots may lie in stocks before they are taken out, rather than that
// memory is put behind more: a quarter of those in use, or so many as take leastStocked bytes.
func (c *core) mostStocked(used int) int { return max(used/4, leastStocked/int(c.size)) }

// grow puts memory behind more slots than used, unless somebody else has. The caller holds mu,
// which is given up where the kernel may take long: where there is a file.
func (c *core) grow(used int) error {
	p := &c.pool
	if !c.m.FileBacked() {
		return c.growNow(used)
	}
	return p.apart(&p.growing, func() error {
		if p.closed.Load() || int(p.used.Load()) != used {
			return nil
		}
		return c.growNow(used)
	})
}

// growNow is grow for the one goroutine at a time that grows.
func (c *core) growNow(used int) error {
	if c.m.Len() < used*int(c.size) { // objects out there would come back as zeros
		return fmt.Errorf("the mapping was made shorter than its %d slots in use: %w", used, typedmem.ErrBounds)
	}
	if c.file != nil {
		if err := c.file.c.Whole(c.slotsEnd(used)); err != nil {
			return err
		}
	}
	more := max(mem.GrowthStep(used*int(c.size))/int(c.size), 1)
	used = min(used+more, int(c.n))
	if err := c.extend(used); err != nil {
		return err
	}
	c.pool.used.Store(uint64(used))
	return nil
}

// extend makes the mapping long enough for used slots.
func (c *core) extend(used int) error {
	if bytes := used * int(c.size); c.m.Len() < bytes {
		if err := c.m.Resize(bytes); err != nil {
			return err
		}
	}
	if i, limit := uintptr(used-1), c.limits.Writable(); c.end(i) > limit {
		return c.refusal(i, limit)
	}
	if c.file != nil {
		return c.file.extend(used)
	}
	return nil
}

// pop takes a free slot for a new object and returns its handle, which is not valid yet.
func (c *core) pop() (uint64, error) {
	for {
		s := c.pool.near()
		if !s.lockNow() {
			s = c.pool.pick()
		}
		if s.n > 0 {
			h := s.handles[(s.n-1)&(magazineSize-1)]
			i, limit := uintptr(slots.Index(h)), c.limits.Writable()
			if c.end(i) <= limit {
				slots.SetCount(&s.allocs, s.allocs+1)
				slots.SetCount(&s.n, s.n-1)
				s.unlock()
				return h, nil
			}
			s.unlock()
			return 0, shell.Fail("alloc", c.refusal(i, limit))
		}
		s.unlock()
		if err := c.refillPatiently(&s.magazine, s); err != nil {
			return 0, c.withNumbers(err)
		}
	}
}

// refillPatiently is refill, and before ErrFull is the answer it lets the goroutines whose caches
// hold slots give them back.
func (c *core) refillPatiently(k *magazine, s *shard) error {
	err := c.refill(k, s)
	for try := 0; err == full && try < 8 && c.askCaches(k); try++ {
		for range 4 {
			runtime.Gosched()
		}
		err = c.refill(k, s)
	}
	return err
}

// askCaches tells all caches to keep no slot, and reports whether one but k holds any.
func (c *core) askCaches(k *magazine) bool {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tight = true
	c.allot()
	p.registry.Lock()
	defer p.registry.Unlock()
	for other := range p.caches {
		if other != k && other.parked() > 0 {
			return true
		}
	}
	return false
}

// allot tells each cache how many slots it may keep: all of them together an eighth of the capacity
// at the most, none while slots are short. The caller holds mu. A cache that has more gives them
// back at its next Free.
func (c *core) allot() {
	p := &c.pool
	p.registry.Lock()
	defer p.registry.Unlock()
	most := c.n / 8
	if c.file != nil { // half of it for slots that wait for a flush
		most /= 2
	}
	share := min(most/uintptr(max(len(p.caches), 1)), magazineSize)
	if p.tight {
		share = 0
	}
	if p.share == uint64(share) {
		return
	}
	p.share = uint64(share)
	for k := range p.caches {
		atomic.StoreUint64(&k.limit, p.share)
	}
}

// popFrom is pop from a cache.
func (c *core) popFrom(k *magazine) (uint64, error) {
	for k.n == 0 {
		err := c.refillPatiently(k, nil)
		if err != nil && k.waits > 0 { // the cache's own freed slots, which a flush makes free
			c.pool.mu.Lock()
			c.await(k)
			c.pool.mu.Unlock()
			err = c.refill(k, nil)
		}
		if err != nil {
			return 0, c.withNumbers(err)
		}
	}
	h := k.handles[k.n-1]
	if i, limit := uintptr(slots.Index(h)), c.limits.Writable(); c.end(i) > limit {
		return 0, shell.Fail("alloc", c.refusal(i, limit))
	}
	slots.SetCount(&k.allocs, k.allocs+1)
	slots.SetCount(&k.n, k.n-1)
	return h, nil
}

// give frees the object of a handle.
func (c *core) give(h uint64) error {
	if i := uintptr(slots.Index(h)); i < c.n && !c.special && c.writable(i) {
		w := slots.WordAt(c.words, i)
		// The word is read before the shard is locked: a processor does not look ahead over the
		// lock.
		word := slots.Load(w)
		if slots.RaceEnabled {
			c.shadows.Freeing(h, word)
		}
		if slots.Generation(word) == slots.Generation(h) && word&slots.LiveBits == slots.OneGeneration && slots.Generation(h) < slots.LastLive {
			s := c.pool.near()
			if !s.lockNow() {
				s = c.pool.pick()
			}
			if s.n < magazineSize && atomic.CompareAndSwapUint64(w, word, uint64(slots.Generation(h)+1)<<32) {
				s.push(h + 2*slots.OneGeneration)
				slots.SetCount(&s.frees, s.frees+1)
				s.unlock()
				return nil
			}
			s.unlock()
		}
	}
	return c.giveSlow(h, nil)
}

// giveSlow is give for every case; own is the magazine of a cache or nil.
func (c *core) giveSlow(h uint64, own *magazine) error {
	if c.care != nil && c.care.guards.has(h, c) {
		return c.care.guards.free(c, h)
	}
	for {
		w, word, err := c.access("free", h, true, staleFree)
		if err != nil {
			return err
		}
		if own != nil && own.full(uint64(c.mostWaits)) {
			c.spill(own, nil)
			if own.room() == 0 {
				own = nil
			}
			continue
		}
		if own != nil {
			if done, err := c.endObject(own, w, word, h); done || err != nil {
				return err
			}
			continue
		}
		s := c.pool.near()
		if !s.lockNow() {
			s = c.pool.pick()
		}
		if s.full(uint64(c.mostWaits)) {
			s.unlock()
			c.spill(&s.magazine, s)
		} else if done, err := c.endObjectIn(s, w, word, h); done || err != nil {
			return err
		}
	}
}

// endObjectIn is endObject into a shard, which it unlocks. The object ends while the shard is
// locked: ErrFull, which is given with all of them locked, is never given while a slot is on its
// way. That may fault, where a file was cut off.
func (c *core) endObjectIn(s *shard, w *uint64, word, h uint64) (done bool, err error) {
	defer s.unlock()
	return c.endObject(&s.magazine, w, word, h)
}

// endObject ends an object, unless its word changed since it was word, and puts the slot where it
// belongs; k has room.
func (c *core) endObject(k *magazine, w *uint64, word, h uint64) (done bool, err error) {
	if done, err = c.kill(w, word, h); !done {
		return false, err
	}
	switch {
	case slots.Generation(h) == slots.LastLive:
		c.pool.retired.Add(1)
	case c.file != nil:
		k.pushWaiting(h + 2*slots.OneGeneration)
	default:
		k.push(h + 2*slots.OneGeneration)
	}
	slots.SetCount(&k.frees, k.frees+1)
	if c.care != nil { // last: it may fault
		c.care.ended(c, h)
	}
	return true, nil
}

// kill ends an object, unless its word changed since it was word: the step at which its handle
// becomes stale. In a file the object is gone first: anyone who finds the handle stale and calls
// Sync has that on the device.
func (c *core) kill(w *uint64, word, h uint64) (done bool, err error) {
	dead := uint64(slots.Generation(h)+1) << 32
	if slots.RaceEnabled {
		c.shadows.Freeing(h, word)
	}
	if c.file == nil {
		return atomic.CompareAndSwapUint64(w, word, dead), nil
	}
	if !atomic.CompareAndSwapUint64(w, word, word|slots.Busy) {
		return false, nil
	}
	if err := c.noteDead(w, word, dead, slots.Index(h)); err != nil {
		return false, shell.Fail("free", err)
	}
	return true, nil
}

// noteDead is kill in a file, for a word that says busy. An error, or a fault where the file was
// cut off, leaves the object alive.
func (c *core) noteDead(w *uint64, word, dead uint64, i uint32) error {
	next := word
	defer func() { slots.Publish(w, next) }()
	err := c.file.note(c, i, slots.Generation(dead))
	if err == nil {
		next = dead
	}
	return err
}

// born makes a handle valid: the object is in its slot.
func (c *core) born(h uint64) error {
	if c.file != nil {
		if err := c.file.note(c, slots.Index(h), slots.Generation(h)); err != nil {
			return err
		}
	}
	slots.Publish(slots.WordAt(c.words, uintptr(slots.Index(h))), h&^(slots.OneGeneration-1))
	return nil
}

// abortAlloc takes back a slot that was popped and holds no object after all.
func (c *core) abortAlloc(h uint64) {
	if c.care != nil {
		c.care.forget(h)
	}
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spoilt.Add(1)
	if uintptr(slots.Index(h)) < c.n && !p.closed.Load() {
		c.push(&p.free, h)
	}
}

// newCache makes a magazine that counts as a cache.
func (c *core) newCache() *magazine {
	k := new(magazine)
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.registry.Lock()
	if p.caches == nil {
		p.caches = map[*magazine]struct{}{}
	}
	p.caches[k] = struct{}{}
	p.registry.Unlock()
	c.allot()
	slots.SetCount(&k.limit, p.share)
	return k
}

// endCache takes every slot of a cache back; it does nothing the second time.
func (c *core) endCache(k *magazine) {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, open := p.caches[k]; !open {
		return
	}
	p.registry.Lock()
	delete(p.caches, k)
	p.allocs += k.allocs
	p.frees += k.frees
	p.registry.Unlock()
	if !p.closed.Load() {
		c.empty(k)
		c.allot()
	}
}

// shut ends the use of the slots and their words, which can be unmapped after it. The caller holds
// mu. Nobody is inside a shard then, and who comes later finds it full, and takes the way that asks
// whether the slab is closed.
func (p *pool) shut() {
	p.closed.Store(true)
	defer p.lockShards()()
	for i := range p.shards {
		slots.SetCount(&p.shards[i].n, magazineSize)
	}
}
