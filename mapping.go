package typedmem

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/printing"
)

// Mapping owns one range of mapped addresses. Make one with a terminal method of options.Options;
// give it back with Close. The zero Mapping is one that is closed.
//
// Offsets and lengths are in bytes, offsets count from the first byte of the mapping. After Close
// every method returns ErrClosed. All methods are safe for concurrent use; see the package comment
// for accesses in flight.
type Mapping struct {
	mu   sync.RWMutex   // guards the state; held for reading or changing it, never while the kernel waits for a device
	addr atomic.Uintptr // of the first byte

	users   atomic.Int32 // calls at work on the memory without the lock, see work; counted up with mu held for reading at least
	growing sync.Mutex   // held by the one growth or Commit that is at work; taken before mu

	limits atomic.Pointer[mem.Limits]
	span   *span
	plan   plan // as it was asked for; Protection and Offset follow the mapping

	shows atomic.Pointer[backing] // the span's: that of the file, for who must not wait for mu
	start int64                   // the file offset of a byte less its address, which no split or merge changes

	grown     grown
	frail     bool // see Frail
	hidden    int  // the length while nothing is readable, bytes
	committed bool
	open      bool
	locked    bool // growth locks what it adds
	pins      int
}

func newMapping(p *plan, s *span) *Mapping {
	m := &Mapping{span: s, plan: *p, frail: p.frail(), hidden: p.Size, committed: !p.Reserve, open: true, locked: p.Flags.Has(flags.Locked)}
	m.plan.File = s.backing.handle()
	m.addr.Store(s.base + uintptr(p.delta))
	m.shows.Store(s.backing)
	m.start = p.Offset - int64(m.addr.Load())
	m.limits.Store(newLimits(s, m))
	m.publish(p.Size)
	return m
}

// publish sets the limits for a length in bytes; the caller holds m.mu or is the only one who knows
// m.
func (m *Mapping) publish(length int) {
	l := m.limits.Load()
	m.hidden = length
	l.Publish(m.limitsOf(m.addr.Load() + uintptr(length)))
	l.SetRoom(m.span.base + uintptr(m.span.ready)) // last: what Extend publishes from here on is not overwritten
}

// limitsOf returns what may be read and written of memory up to the address end.
func (m *Mapping) limitsOf(end uintptr) (readable, writable uintptr) {
	switch p := m.plan.Protection; {
	case !m.committed:
		return mem.Reserved, mem.Reserved
	case !p.Has(flags.Read):
		return mem.Protected + uintptr(p), mem.Protected + uintptr(p)
	case p.Has(flags.Write):
		return end, end
	default:
		return end, m.unwritable(p)
	}
}

// unwritable is the reason why nothing may be written with a protection.
func (m *Mapping) unwritable(p flags.Protection) uintptr {
	if m.plan.ReadOnlyFile {
		return mem.ReadOnlyFile
	}
	return mem.Protected + uintptr(p)
}

// allow publishes what the protection permits now, after it changed. A length that is readable
// already is left to anyone who extends it.
func (m *Mapping) allow() {
	l := m.limits.Load()
	end := l.Readable()
	if !mem.Allows(end) {
		m.publish(m.hidden)
		return
	}
	_, writable := m.limitsOf(end)
	l.AllowWrites(writable)
}

// withdraw takes every permission from all views and returns the length, in bytes, for publish to
// restore.
func (m *Mapping) withdraw(why uintptr) (length int) {
	if end := m.limits.Load().Withdraw(why); mem.Allows(end) {
		m.hidden = int(end - m.addr.Load())
	}
	return m.hidden
}

// lower takes the bytes from n on from all views and returns the length before, in bytes, for
// publish to restore. What stays can be read meanwhile.
func (m *Mapping) lower(n int) (length int) {
	l, first := m.limits.Load(), m.addr.Load()
	for {
		end := l.Readable()
		if !mem.Allows(end) {
			return m.hidden
		}
		if l.Lower(end, first+uintptr(n)) {
			return int(end - first)
		}
	}
}

// length returns the length in bytes; the caller holds m.mu, for reading at least.
func (m *Mapping) length() int {
	if end := m.limitsNow().Readable(); mem.Allows(end) {
		return int(end - m.addr.Load())
	}
	return m.hidden
}

// fail builds the error of an operation on m.
func (m *Mapping) fail(op string, err error) error {
	if m.plan.HasFile && m.open {
		err = printing.Named(m.span.backing.name, err)
	}
	return &Error{Op: op, Addr: m.addr.Load(), Len: m.length(), Err: err}
}

// need states what an operation asks of the mapping.
type need uint8

const (
	needCommitted need = 1 << iota
	needReadable
	needWritable
	needUnpinned
)

// enter locks m for an operation that changes its state, and checks that m is open and what else
// the operation needs. On error m is unlocked.
func (m *Mapping) enter(op string, needs need) error {
	m.mu.Lock()
	err := m.refuse(needs)
	if err != nil {
		err = m.fail(op, err)
		m.mu.Unlock()
	}
	return err
}

// look is enter for an operation that leaves the state of m as it is: several go on at once.
func (m *Mapping) look(op string, needs need) error {
	m.mu.RLock()
	err := m.refuse(needs)
	if err != nil {
		err = m.fail(op, err)
		m.mu.RUnlock()
	}
	return err
}

func (m *Mapping) refuse(needs need) error {
	switch {
	case !m.open:
		return ErrClosed
	case needs&needUnpinned != 0 && m.pins > 0:
		return fmt.Errorf("the mapping has %d pins; call each unpin first: %w", m.pins, ErrBusy)
	case needs&needUnpinned != 0 && m.users.Load() > 0:
		return fmt.Errorf("another goroutine's call (a flush, a prefault, growth or the like) is at work on the mapping; try again when it has returned: %w", ErrBusy)
	case needs&needCommitted != 0 && !m.committed:
		return fmt.Errorf("the range is reserved, not committed; call Commit: %w", ErrOperation)
	case needs&needReadable != 0 && !m.plan.Protection.Has(flags.Read):
		return fmt.Errorf("protection %v; call MakeReadOnly or MakeMut: %w", m.plan.Protection, ErrProtection)
	case needs&needWritable != 0 && !m.plan.Protection.Has(flags.Write):
		return fmt.Errorf("protection %v; call MakeMut: %w", m.plan.Protection, ErrProtection)
	}
	return nil
}

// lookRange is look for an operation on the bytes [lo, hi).
func (m *Mapping) lookRange(op string, lo, hi int, needs need) error {
	if err := m.look(op, 0); err != nil {
		return err
	}
	var err error
	if n := m.length(); !num.Range(lo, hi, n) {
		err = fmt.Errorf("bytes [%d,%d) of a mapping of %d bytes: %w", lo, hi, n, ErrBounds)
	} else {
		err = m.refuse(needs)
	}
	if err != nil {
		err = m.fail(op, err)
		m.mu.RUnlock()
	}
	return err
}

// wholePages returns how many bytes from the first page on hold a mapping of the given length.
func (m *Mapping) wholePages(length int) int {
	n, ok := num.Up(num.AddOrMax(m.lead(), length), m.plan.unit)
	if !ok {
		return math.MaxInt
	}
	return n
}

// pages widens the bytes [lo, hi) to the pages that hold them; n is 0 for an empty range.
func (m *Mapping) pages(lo, hi int) (addr uintptr, n int) {
	if lo == hi {
		return 0, 0
	}
	unit := uintptr(m.plan.unit)
	first := num.Down(m.addr.Load()+uintptr(lo), unit)
	end := num.Down(m.addr.Load()+uintptr(hi)+unit-1, unit)
	return first, int(end - first)
}

// pagesInside narrows the bytes [lo, hi) to the pages that hold no other byte of the mapping. The
// page in which the length ends is none: more may be appended to it meanwhile.
func (m *Mapping) pagesInside(lo, hi int) (addr uintptr, n int) {
	unit := uintptr(m.plan.unit)
	first := num.Down(m.addr.Load()+uintptr(lo)+unit-1, unit)
	end := num.Down(m.addr.Load()+uintptr(hi), unit)
	if lo == 0 {
		first = m.span.base
	}
	if end <= first {
		return 0, 0
	}
	return first, int(end - first)
}

// Addr returns the address of the first byte. It stays the same after Close, when nothing is there
// any more.
func (m *Mapping) Addr() uintptr { return m.addr.Load() }

// Len returns the length in bytes, 0 after Close.
func (m *Mapping) Len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.open {
		return 0
	}
	return m.length()
}

// Cap returns how many bytes Resize can grow the mapping to, 0 after Close. It is Len for a file
// mapping that was built without WithCapacity.
func (m *Mapping) Cap() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.open {
		return 0
	}
	return m.capacity()
}

func (m *Mapping) capacity() int {
	if m.plan.HasFile && m.plan.Capacity == 0 {
		return m.length() // no handle of the file was kept
	}
	return m.span.reserved - m.lead()
}

// lead returns the bytes from the start of the first page to the first byte.
func (m *Mapping) lead() int { return int(m.addr.Load() - m.span.base) }

// Protection returns what the memory may be used for, for a reserved range what it may be used for
// once it is committed.
func (m *Mapping) Protection() flags.Protection {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.open {
		return flags.None
	}
	return m.plan.Protection
}

// Committed reports whether memory is behind the addresses.
func (m *Mapping) Committed() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.committed && m.open
}

// FileBacked reports whether the mapping shows a file.
func (m *Mapping) FileBacked() bool { return m.plan.HasFile }

// File returns the name of the file that the mapping shows, as it was opened; "" for anonymous
// memory and after Close.
func (m *Mapping) File() string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.open || !m.plan.HasFile {
		return ""
	}
	return m.span.backing.name
}

// Shared reports whether writes go to the file and to other processes.
func (m *Mapping) Shared() bool { return m.plan.Flags.Has(flags.Shared) }

// PageSize returns the size in bytes of the mapping's own pages: what SplitOff and SplitTo can cut
// between.
func (m *Mapping) PageSize() int { return m.plan.unit }

// limitsNow returns what checked accesses to the mapping compare with. SplitTo gives the mapping
// new ones.
func (m *Mapping) limitsNow() *mem.Limits {
	if l := m.limits.Load(); l != nil {
		return l
	}
	return noLimits() // of the zero Mapping
}

// noLimits are those of a mapping that is closed.
func noLimits() *mem.Limits { return mem.New(0, new(atomic.Bool)) }

// Bytes returns the mapping as a slice, with cap equal to Len. It is raw memory: fast, and valid
// until Close, a shrinking Resize, a split or a change of protection; an access that the protection
// forbids faults. Writing needs a writable mapping.
//
// It panics with an *Error that wraps ErrClosed after Close, ErrOperation where the range is not
// committed and ErrProtection where it is not readable.
func (m *Mapping) Bytes() []byte {
	if err := m.look("bytes", needCommitted|needReadable); err != nil {
		panic(err)
	}
	defer m.mu.RUnlock()
	m.limits.Load().Lend()
	n := m.length()
	// SAFETY: [addr, addr+n) is mapped and readable, off the Go heap, and the span is marked as
	// lent so that the collector does not unmap it.
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), m.addr.Load())), n)[:n:n]
}

// Pin holds the mapping open: until unpin is called, Close, SplitOff, SplitTo, Merge and a
// shrinking Resize return ErrBusy. Pins count; calling one unpin more than once is harmless.
func (m *Mapping) Pin() (unpin func(), err error) {
	if err := m.enter("pin", 0); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	m.pins++
	return sync.OnceFunc(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.pins--
	}), nil
}

// Close gives the memory back and ends every view of it; see the package comment for the addresses.
// It does not flush. A second Close returns ErrClosed. That of a pinned mapping, or beside a call
// of another goroutine that is at work on the memory (Flush, Prefault, Lock, Advise, growth and
// their like), returns ErrBusy. Nothing has changed then, or when the system refuses. A file that
// the mapping made longer than it is itself is cut back to the length, where the system allows
// that: not on Windows while another view shows the file. Shared anonymous memory that was split
// goes back when the last of its parts is closed.
func (m *Mapping) Close() error {
	if err := m.enter("close", needUnpinned); err != nil {
		return err
	}
	err := m.giveBack()
	if err == nil {
		relieve()
	}
	return err
}

// closeAll closes mappings that belong together, all of them or, where one is pinned or at work,
// none. What is closed already is passed over; where the last one is, the error is ErrClosed.
func closeAll(mappings []*Mapping) error {
	pairing.Lock()
	for _, m := range mappings {
		m.mu.Lock()
	}
	pairing.Unlock()
	var err, last error
	for _, m := range mappings {
		if last = m.refuse(needUnpinned); last != nil {
			last = m.fail("close", last)
		}
		if m.open && err == nil {
			err = last
		}
	}
	for _, m := range mappings {
		if m.open && err == nil {
			err = m.giveBack()
		} else {
			m.mu.Unlock()
		}
	}
	if err != nil {
		return err
	}
	relieve()
	return last
}

// giveBack closes m, which may be closed; the caller holds m.mu, which is given up.
func (m *Mapping) giveBack() error {
	length := m.withdraw(mem.Closed)
	backing := m.span.backing.share()
	defer backing.release()
	if err := m.span.close(); err != nil {
		defer m.mu.Unlock()
		m.publish(length)
		return m.fail("close", err)
	}
	m.close()
	m.mu.Unlock()
	if !m.plan.LeaveFile { // nobody changes what belongs to a closed mapping
		m.grown.cut(m.plan.File, m.plan.Offset+int64(length))
	}
	return nil
}

// close marks m as closed and lets go of its Limits, so that a Mapping which is kept does not keep
// addresses.
func (m *Mapping) close() {
	m.open, m.committed, m.hidden = false, false, 0
	m.limits.Store(noLimits())
}
