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

// Mapping owns one range of mapped addresses. Make one with the Map and Reserve methods of
// options.Options and release it with [Mapping.Close]. The zero Mapping is closed.
//
// Offsets and lengths are in bytes, offsets count from the first byte of the mapping. After Close
// every method that returns an error returns ErrClosed, and Len and Cap are 0. All methods are safe
// for concurrent use; see the package comment for accesses in flight.
type Mapping struct {
	mu   sync.RWMutex   // guards the state; never held while the kernel waits for a device
	addr atomic.Uintptr // of the first byte

	random  atomic.Bool  // flags.RandomAccess was advised, for a part at least
	users   atomic.Int32 // calls that use the memory without mu, see work; raised under mu
	growing sync.Mutex   // held during a growth or Commit; locked before mu

	limits atomic.Pointer[mem.Limits]
	span   *span
	plan   plan // the request; Protection and Offset follow the mapping

	shows atomic.Pointer[backing] // the span's backing, for those who must not wait for mu
	start int64                   // file offset less address of any byte; splits and merges keep it

	grown        grown
	mayLackSpace bool // see mem.Mapping
	hidden       int  // the length while nothing is readable, bytes
	committed    bool
	open         bool
	locked       bool // growth locks what it adds
	pins         pins
	use          atomic.Pointer[mem.Use] // what shows it, nil for raw memory
	gate         atomic.Pointer[gate]    // nil before the first Shutdown, but for a reader that moved; see shutdown.go
}

func newMapping(p *plan, s *span) *Mapping {
	m := &Mapping{span: s, plan: *p, mayLackSpace: p.mayLackSpace(), hidden: p.Size, committed: !p.Reserve, open: true, locked: p.Flags.Has(flags.Locked)}
	m.plan.File = s.backing.handle()
	m.addr.Store(s.base + uintptr(p.delta))
	m.shows.Store(s.backing)
	m.start = p.Offset - int64(m.addr.Load())
	m.mu.Lock() // from here on Mappings finds it
	defer m.mu.Unlock()
	m.limits.Store(newLimits(s, m))
	m.publish(p.Size)
	return m
}

// fail builds the error of an operation on m, nil for nil.
func (m *Mapping) fail(op string, err error) error {
	if err == nil {
		return nil
	}
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

// enter locks m for an operation that changes its state, and checks that m is open and meets the
// needs. On error m is unlocked.
func (m *Mapping) enter(op string, needs need) error {
	m.mu.Lock()
	err := m.fail(op, m.refuse(needs))
	if err != nil {
		m.mu.Unlock()
	}
	return err
}

// look is enter for an operation that leaves the state of m alone. Several can run at once.
func (m *Mapping) look(op string, needs need) error {
	m.mu.RLock()
	err := m.fail(op, m.refuse(needs))
	if err != nil {
		m.mu.RUnlock()
	}
	return err
}

func (m *Mapping) refuse(needs need) error {
	switch {
	case !m.open:
		return ErrClosed
	case needs&needUnpinned != 0 && m.pins > 0:
		return fmt.Errorf("pins on the mapping: %d; call each unpin first: %w", m.pins.count(), ErrBusy)
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
	err := m.refuse(needs)
	if n := m.length(); !num.Range(lo, hi, n) {
		err = fmt.Errorf("bytes [%d,%d) of a mapping of %d bytes: %w", lo, hi, n, ErrBounds)
	}
	if err = m.fail(op, err); err != nil {
		m.mu.RUnlock()
	}
	return err
}

// wholePages returns the bytes of all pages of a mapping of the given length.
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

// pagesInside narrows the bytes [lo, hi) to the pages that hold no other byte of the mapping. It
// leaves out the page in which the mapping ends: an append may write there meanwhile.
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

// Addr returns the address of the first byte. It stays the same after Close, but must not be
// accessed then.
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

// Cap returns how many bytes Resize can grow the mapping to, 0 after Close. For a file mapped
// without a capacity it is Len.
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

// Protection returns what the memory may be used for; for a reserved range, once it is committed.
func (m *Mapping) Protection() flags.Protection {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.open {
		return flags.None
	}
	return m.plan.Protection
}

// Committed reports whether the addresses have memory.
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

// Name returns the name that options.Options.WithName gave the mapping, "" for none and after
// Close. Both parts of a split have it. Merge keeps that of the first one.
func (m *Mapping) Name() string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.open {
		return ""
	}
	return m.plan.Name
}

// Shared reports whether writes go to the file and to other processes.
func (m *Mapping) Shared() bool { return m.plan.Flags.Has(flags.Shared) }

// PageSize returns the size in bytes of the mapping's own pages. SplitOff and SplitTo cut between
// pages.
func (m *Mapping) PageSize() int { return m.plan.unit }

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
