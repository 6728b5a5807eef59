package typedmem

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// span is the range of addresses that one Limits stands for, and all that is needed to give it
// back: it never points to the Limits or the Mapping, so that the collector can find those
// unreachable. The mapping's lock guards it.
type span struct {
	base     uintptr // multiple of the granularity or the page size
	ready    int     // bytes from base that a longer mapping needs no system call for; at most mapped
	mapped   int     // bytes from base with memory behind them
	reached  int     // the most that mapped has been: what a view may have seen
	reserved int     // bytes from base that are ours; at least reached
	taken    []piece // of these, what a mapping with flags.Fixed took over, in order; written under placing and the lock of spans, read under one of them
	state    spanState
	private  bool // private anonymous memory, which sys.Drop gives back
	backing  *backing
	found    bool        // by the collector, without views; guarded by the lock of spans
	lent     atomic.Bool // raw memory was handed out
}

// piece is a range of addresses [from, to).
type piece struct{ from, to uintptr }

// placing is held by a mapping with flags.Fixed while it takes addresses over, and for reading by
// anyone who gives addresses back.
var placing sync.RWMutex

// own yields the pieces of the bytes [from, from+n) of the span that no mapping with flags.Fixed
// has taken over; the caller holds placing.
func (s *span) own(from, n int) iter.Seq2[uintptr, int] {
	return func(yield func(uintptr, int) bool) {
		at, end := s.base+uintptr(from), s.base+uintptr(from)+uintptr(n)
		for _, t := range s.taken[s.firstTaken(at):] {
			if t.from >= end {
				break
			}
			if t.from > at && !yield(at, int(t.from-at)) {
				return
			}
			at = t.to
		}
		if at < end {
			yield(at, int(end-at))
		}
	}
}

// firstTaken returns the index of the first piece taken that ends at the address or behind it.
func (s *span) firstTaken(addr uintptr) int {
	i, _ := slices.BinarySearchFunc(s.taken, addr, func(t piece, addr uintptr) int { return cmp.Compare(t.to, addr) })
	return i
}

// hold gives back the memory of the bytes [from, from+n) and keeps the addresses. On error nothing
// has changed: once a piece is gone there is no way back, so that what the system refuses from then
// on, beyond a hole, goes with the addresses.
//
// Where the process is at the system's limit of areas, private memory is dropped and stays mapped:
// see crowd.
func (s *span) hold(from, n int) error {
	begun := false
	var gone []piece
	err := s.each(from, n, func(addr uintptr, n int) error {
		if s.private && crowd.tight() && sys.Drop(addr, n) == nil {
			begun = true
			return nil
		}
		err := sys.Hold(addr, n)
		if errors.Is(err, sys.ErrFreed) {
			gone = append(gone, piece{addr, addr + uintptr(n)})
			err = nil
		}
		if begun {
			return nil
		}
		begun = err == nil
		return err
	})
	s.giveUp(gone)
	return err
}

// giveUp notes that pieces of the span are free: another try must not touch what may be someone
// else's by now.
func (s *span) giveUp(gone []piece) {
	if len(gone) > 0 {
		placing.Lock()
		defer placing.Unlock()
		s.lose(gone)
	}
}

// release gives back the addresses of the bytes [from, from+n). On error it says whether some of
// them are gone.
func (s *span) release(from, n int) (begun bool, err error) {
	var gone []piece
	err = s.each(from, n, func(addr uintptr, n int) error {
		err := sys.Release(addr, n)
		if err == nil {
			gone = append(gone, piece{addr, addr + uintptr(n)})
		}
		return err
	})
	if err != nil {
		s.giveUp(gone)
	}
	return len(gone) > 0, err
}

// lose notes pieces that belong to the span no more, under the lock of those who look for
// addresses; the caller holds placing for writing.
func (s *span) lose(pieces []piece) {
	spans.Lock()
	defer spans.Unlock()
	for _, p := range pieces {
		s.lost(p)
	}
}

// lost notes what the span has of a piece; the caller holds both locks.
func (s *span) lost(p piece) {
	p.from, p.to = max(p.from, s.base), min(p.to, s.base+uintptr(s.reserved))
	if p.from >= p.to {
		return
	}
	first := s.firstTaken(p.from)
	next := first
	for ; next < len(s.taken) && s.taken[next].from <= p.to; next++ { // they touch or overlap
		p.from, p.to = min(p.from, s.taken[next].from), max(p.to, s.taken[next].to)
	}
	s.taken = slices.Replace(s.taken, first, next, p)
}

func (s *span) each(from, n int, do func(addr uintptr, n int) error) error {
	placing.RLock()
	defer placing.RUnlock()
	for addr, n := range s.own(from, n) {
		if err := do(addr, n); err != nil {
			return err
		}
	}
	return nil
}

// untaken calls do, which changes the bytes [from, from+n), and refuses where they include what a
// mapping with flags.Fixed took over: it would be changed too. No lock is held while do runs;
// anyone who would take these bytes over waits for it.
func (s *span) untaken(from, n int, do func() error) error {
	leave, err := s.enterWork(from, n)
	if err != nil {
		return err
	}
	defer leave()
	return do()
}

func (s *span) enterWork(from, n int) (leave func(), err error) {
	placing.RLock()
	defer placing.RUnlock()
	rest := n
	for _, n := range s.own(from, n) {
		rest -= n
	}
	if rest > 0 {
		return nil, fmt.Errorf("%d of these bytes belong to it no more: a mapping with flags.Fixed took them over, or the system had no room to keep them reserved: %w", rest, ErrOperation)
	}
	return beginWork(piece{s.base + uintptr(from), s.base + uintptr(from) + uintptr(n)}), nil
}

// untakenAt is untaken for the n bytes at an address.
func (s *span) untakenAt(addr uintptr, n int, do func(addr uintptr, n int) error) error {
	return s.untaken(int(addr-s.base), n, func() error { return do(addr, n) })
}

// filled returns how many bytes from the first page on hold what the length may reach without a
// system call: pages of a file that are mapped behind them may lie past the file's end. The caller
// holds the mapping's lock.
func (s *span) filled(unit int) int {
	return min(num.Down(s.ready+unit-1, unit), s.mapped)
}

// takeOver notes for every other span that the addresses [from, to) belong to it no more; the
// caller holds placing for writing.
func takeOver(from, to uintptr) {
	spans.Lock()
	defer spans.Unlock()
	for s := range spans.limits {
		s.lost(piece{from, to})
	}
}

// close gives the memory back, and the addresses that no view ever reached. On error nothing has
// changed.
func (s *span) close() error {
	if s.reached == 0 {
		begun, err := s.release(0, s.reserved)
		if err != nil && !begun {
			return err
		}
		s.backing.release()
		if err == nil {
			s.forget()
		} else { // the rest goes when the collector comes
			s.keep()
		}
		return nil
	}
	if s.mapped > 0 {
		if err := s.hold(0, s.mapped); err != nil {
			return err
		}
	}
	s.backing.release()
	s.keep()
	// Should the system refuse, the spare addresses go with the rest, when the collector finds that
	// no view is left.
	if spare := s.reserved - s.reached; spare > 0 {
		if _, err := s.release(s.reached, spare); err == nil {
			s.setReserved(s.reached)
		}
	}
	return nil
}

// cede leaves the bytes from the given one on to right, which is new, and with them what was taken
// of them; the caller holds placing for writing.
func (s *span) cede(from int, right *span) {
	spans.Lock()
	defer spans.Unlock()
	taken := s.taken
	if _, there := spans.limits[s]; there {
		spans.reserved -= uint64(s.reserved - from)
	}
	s.reserved, s.taken = from, nil
	for _, t := range taken {
		s.lost(t)
		right.lost(t)
	}
}

// setReserved changes what belongs to the span, under the lock of those who look for addresses.
func (s *span) setReserved(n int) {
	spans.Lock()
	defer spans.Unlock()
	spans.reserved += uint64(n) - uint64(s.reserved)
	s.reserved = n
}

type spanState uint8

const (
	spanOpen spanState = iota // the mapping is in use
	spanHeld                  // the mapping is closed, the addresses are kept
	spanGone                  // nothing is left to give back: released, or merged into another span
)

// spans are all spans that are not gone, for finding the mapping behind an address.
var spans = struct {
	sync.Mutex
	limits map[*span]weak.Pointer[mem.Limits]
	held   int    // spans in state spanHeld
	bytes  uint64 // of the addresses that these keep
	needed uint64 // of these, what a collection has left: views need it
	gone   int    // how many the collector has found and given back

	waiting  int    // how many it has found and are still to be given back
	reserved uint64 // bytes of addresses that all of them have
}{limits: map[*span]weak.Pointer[mem.Limits]{}}

// enter puts a span into the books.
func (s *span) enter(l weak.Pointer[mem.Limits]) {
	spans.Lock()
	defer spans.Unlock()
	if _, there := spans.limits[s]; !there {
		spans.reserved += uint64(s.reserved)
	}
	spans.limits[s] = l
}

// newLimits makes the Limits of a span and ties the span's end to them.
func newLimits(s *span, owner *Mapping) *mem.Limits {
	l := mem.New(owner.addr.Load(), &s.lent)
	l.SetMapping((*plumbing)(owner))
	s.enter(weak.Make(l))
	runtime.AddCleanup(l, (*span).abandoned, s)
	return l
}

// abandoned runs when nothing refers to the Limits of the span any more. A goroutine may stand
// between its check and its access with the Limits forgotten already: it has until the collection
// after this one.
func (s *span) abandoned() {
	spans.Lock()
	if s.state != spanGone {
		s.found = true
		spans.waiting++
	}
	spans.Unlock()
	runtime.AddCleanup(&struct{ later *span }{s}, (*span).letGo, s)
}

// letGo gives back what an abandoned span still has.
func (s *span) letGo() {
	if s.state == spanOpen {
		if s.lent.Load() { // somebody may still hold raw memory: it stays mapped for good
			s.forget()
			return
		}
		s.backing.release()
	}
	s.freeOrRetry()
}

// freeOrRetry gives the addresses back, with every collection again until the system lets them go:
// joined to their neighbours they can be refused for lack of areas.
func (s *span) freeOrRetry() {
	if s.free() != nil {
		runtime.AddCleanup(&struct{ again *span }{s}, (*span).freeOrRetry, s)
	}
}

// free gives the addresses back.
func (s *span) free() error {
	if s.state == spanGone {
		return nil
	}
	if s.reserved > 0 {
		if _, err := s.release(0, s.reserved); err != nil {
			return err
		}
	}
	s.forget()
	return nil
}

// forget takes the span out of the books: its addresses are free or belong to another span.
func (s *span) forget() {
	spans.Lock()
	defer spans.Unlock()
	if s.state == spanHeld {
		spans.held--
		spans.bytes -= s.kept()
	}
	s.state = spanGone
	if s.found {
		spans.waiting--
		spans.gone++
	}
	if _, there := spans.limits[s]; there {
		spans.reserved -= uint64(s.reserved)
	}
	delete(spans.limits, s)
}

// reservedBytes returns how many bytes of addresses all mappings have.
func reservedBytes() uint64 {
	spans.Lock()
	defer spans.Unlock()
	return spans.reserved
}

// manyHeld is the number of closed mappings whose addresses wait for the collector at which one
// collection is started. The kernel joins neighbours, so that this stays far from its own limit
// (65,530 areas by default on Linux).
const manyHeld = 8192

// manyBytes is the number of bytes of such addresses at which one is started as well: 128 MiB in a
// 32-bit program, whose own heap must find room between them, 16 TiB in others. Where RLIMIT_AS
// leaves little it is an eighth of that, see relieve.
var manyBytes uint64 = 128 << 20 << (17 * (bits.UintSize / 64))

// kept returns how many bytes of addresses a closed span has until the collector comes.
func (s *span) kept() uint64 {
	n, _ := num.Up(s.reached, sys.Granularity())
	return uint64(n)
}

// keep marks a span whose memory has been given back.
func (s *span) keep() {
	spans.Lock()
	s.state = spanHeld
	spans.held++
	before := spans.bytes
	spans.bytes += s.kept()
	collect := spans.held%manyHeld == 0 || spans.bytes/manyBytes > before/manyBytes
	spans.Unlock()
	if collect {
		go runtime.GC()
	}
}

// relieve has the collector look for the addresses of closed mappings, and waits, where they take
// much of what the system allows: the Go heap asks for addresses without looking for them first.
// The caller has just closed a mapping and holds no lock. Addresses that views still need do not
// count again.
func relieve() {
	limit, used, limited := sys.AddressLimit()
	bound := manyBytes
	if limited {
		bound = min(bound, (limit-min(limit, used)+heldBytes())/8)
	} else if bits.UintSize == 64 {
		return // there are always more
	}
	relieving.Lock()
	defer relieving.Unlock()
	spans.Lock()
	due := spans.bytes >= spans.needed+bound
	spans.Unlock()
	if !due {
		return
	}
	for tries := 0; tries < mostReclaims && reclaim() && heldBytes() >= bound; tries++ {
	}
	spans.Lock()
	spans.needed = spans.bytes
	spans.Unlock()
}

var relieving sync.Mutex

// heldBytes returns how many bytes of addresses closed mappings keep.
func heldBytes() uint64 {
	spans.Lock()
	defer spans.Unlock()
	spans.needed = min(spans.needed, spans.bytes)
	return spans.bytes
}

// mostReclaims is how often one request has the collector look for addresses.
const mostReclaims = 8

// reclaim has the collector look for addresses that nobody needs any more, and waits until what it
// found is given back; it reports whether there was any.
func reclaim() bool {
	count := func() (waiting, gone int) {
		spans.Lock()
		defer spans.Unlock()
		return spans.waiting, spans.gone
	}
	if reservedBytes() == 0 {
		return false
	}
	_, before := count()
	for round := range 3 { // what was found goes with the second collection, what the system refused to take with the one after
		runtime.GC()
		last := before
		waiting := 0
		for quiet, waited := 0, 0; quiet < 5 && waited < 100; quiet, waited = quiet+1, waited+1 { // others may close mappings all the time
			time.Sleep(time.Millisecond) // cleanups run in a goroutine of their own
			var now int
			if waiting, now = count(); now != last {
				quiet, last = 0, now
			}
		}
		if last != before {
			return true
		}
		if waiting == 0 && round > 0 { // a slow machine may not be done with the cleanups of the first
			return false
		}
	}
	return false
}

// mappingAt finds the mapping whose addresses include addr, its Limits, and how far in that is from
// the mapping's first byte.
func mappingAt(addr uintptr) (m *Mapping, l *mem.Limits, offset int, ok bool) {
	spans.Lock()
	defer spans.Unlock()
	for s, w := range spans.limits {
		if addr < s.base || addr-s.base >= uintptr(s.reserved) {
			continue
		}
		if i := s.firstTaken(addr + 1); i < len(s.taken) && s.taken[i].from <= addr {
			continue
		}
		if l := w.Value(); l != nil {
			if p, ok := l.Mapping().(*plumbing); ok {
				m := (*Mapping)(p)
				return m, l, int(addr - m.addr.Load()), true
			}
		}
	}
	return nil, nil, 0, false
}
