package region_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// follower opens a file of n elements, element i of which is i, for writing and for reading.
func follower(t *testing.T, n int) (w, r *region.Region[uint64]) {
	t.Helper()
	if strconv.IntSize == 32 {
		t.Skip("a reader does not move on in a 32-bit address space")
	}
	path := filepath.Join(t.TempDir(), "r")
	w, err := region.Create[uint64](path, 0)
	testkit.Wants(t, "Create", err, nil)
	t.Cleanup(func() { w.Close() })
	appendUpTo(t, w, n)
	r, err = region.Open[uint64](path)
	testkit.Wants(t, "Open", err, nil)
	t.Cleanup(func() { r.Close() })
	return w, r
}

// appendUpTo appends elements until there are n.
func appendUpTo(t *testing.T, w *region.Region[uint64], n int) {
	t.Helper()
	xs := make([]uint64, n-w.Len())
	for i := range xs {
		xs[i] = uint64(w.Len() + i)
	}
	testkit.Wants(t, "Append", w.Append(xs...), nil)
}

// outgrow has the file outgrow its reader once, and the reader follow.
func outgrow(t *testing.T, w, r *region.Region[uint64]) {
	t.Helper()
	before, n := r.Mapping(), r.Cap()+1
	appendUpTo(t, w, n)
	refresh(t, r, n)
	if r.Mapping() == before || r.Cap() < 2*n {
		t.Fatalf("%d elements of %d in the same mapping: %v", n, r.Cap(), r.Mapping() == before)
	}
}

// refresh has a reader follow, and find n elements.
func refresh(t *testing.T, r *region.Region[uint64], n int) {
	t.Helper()
	got, err := r.Refresh()
	testkit.Wants(t, "Refresh", err, nil)
	if got != n || r.Len() != n || r.View().Len() != n || r.Cap() < n {
		t.Fatalf("Refresh returns %d: %d elements of %d, a view of %d; there are %d", got, r.Len(), r.Cap(), r.View().Len(), n)
	}
}

// lookout holds views, slices and pointers that were taken of a reader before it moved on.
type lookout struct {
	n      int
	view   region.View[uint64]
	only   region.View[uint64]
	bytes  region.View[byte]
	column region.Strided[uint64] // the second of each two
	every  region.Strided[uint64] // each third
	raw    []uint64
	last   *uint64
	memory []byte
	all    func(yield func(int, uint64) bool)
}

func look(t *testing.T, r *region.Region[uint64]) (l lookout) {
	t.Helper()
	v := r.View()
	l = lookout{n: v.Len(), view: v, only: v.ReadOnly(), bytes: v.Bytes(), raw: v.Slice(), last: r.Ptr(v.Len() - 1), memory: r.Mapping().Bytes(), all: v.All()}
	pairs, err := region.Cast[pair](mustSub(t, v, v.Len()/2*2))
	testkit.Wants(t, "Cast", err, nil)
	l.column, err = region.Field[uint64](pairs, 8)
	testkit.Wants(t, "Field", err, nil)
	l.every, err = v.Every(0, v.Len(), 3)
	testkit.Wants(t, "Every", err, nil)
	return l
}

func mustSub(t *testing.T, v region.View[uint64], n int) region.View[uint64] {
	t.Helper()
	v, err := v.Sub(0, n)
	testkit.Wants(t, "Sub", err, nil)
	return v
}

// shows fails unless all of it shows the first n elements as they are.
func (l lookout) shows(t *testing.T, n int) {
	t.Helper()
	n = min(n, l.n)
	steps := max(1, n/50)
	for i := n - 1; i >= 0; i -= steps {
		want := uint64(i)
		if l.view.At(i) != want || l.only.At(i) != want || l.raw[i] != want || *(*uint64)(unsafe.Pointer(&l.memory[8*i])) != want ||
			l.column.At(max(i-1, 0)/2) != uint64(max(i-1, 0)/2*2+1) || l.every.At(i/3) != uint64(i/3*3) {
			t.Fatalf("element %d of %d is %d, %d, %d, %d", i, l.n, l.view.At(i), l.only.At(i), l.raw[i], l.every.At(i/3))
		}
		for k := range 8 {
			if x, err := l.bytes.Load(8*i + k); err != nil || x != (*(*[8]byte)(unsafe.Pointer(&want)))[k] {
				t.Fatalf("byte %d of element %d: %d, %v", k, i, x, err)
			}
		}
	}
	if n == l.n && *l.last != uint64(n-1) {
		t.Fatalf("the last of %d elements is %d", n, *l.last)
	}
	if n == l.n {
		count := 0
		for i, x := range l.all {
			if count++; x != uint64(i) {
				t.Fatalf("the iterator yields %d for %d", x, i)
			}
		}
		if count != n {
			t.Fatalf("the iterator yields %d of %d elements", count, n)
		}
	}
}

// refused fails unless no checked view shows element i.
func (l lookout) refused(t *testing.T, i int, want error) {
	t.Helper()
	_, err := l.view.Load(i)
	testkit.Wants(t, "View.Load", err, want)
	_, err = l.only.Load(i)
	testkit.Wants(t, "Load of a read-only view", err, want)
	_, err = l.bytes.Load(8 * i)
	testkit.Wants(t, "Load of a byte", err, want)
	_, err = l.every.Load((i + 2) / 3)
	testkit.Wants(t, "Strided.Load", err, want)
	_, err = l.column.Load(i / 2)
	testkit.Wants(t, "Load of a field", err, want)
}

// A reader reserves for what it reads, and moves on to more addresses as often as the file outgrows
// them. What was taken of it before, in each range that it had, shows what it showed.
func TestAReaderOutgrowsItsRangeSeveralTimes(t *testing.T) {
	w, r := follower(t, 10)
	if r.Cap() != 1<<20/8 {
		t.Fatalf("a reader of 10 elements reserves %d", r.Cap())
	}
	moves := 6
	if testing.Short() {
		moves = 3
	}
	all := []lookout{look(t, r)}
	for range moves {
		outgrow(t, w, r)
		all = append(all, look(t, r))
		for _, l := range all {
			l.shows(t, l.n)
		}
		appendUpTo(t, w, w.Len()+100) // within the range
		before := r.Mapping()
		refresh(t, r, w.Len())
		if r.Mapping() != before {
			t.Fatal("it moved on without need")
		}
	}
	n := r.Len()
	testkit.Wants(t, "Resize", w.Resize(5), nil)
	refresh(t, r, 5)
	for _, l := range all {
		l.refused(t, 6, typedmem.ErrBounds)
		if x, err := l.view.Load(4); x != 4 || err != nil {
			t.Fatal(x, err)
		}
	}
	appendUpTo(t, w, n/2) // some of them have all of their elements again, others not
	refresh(t, r, n/2)
	for _, l := range all {
		l.shows(t, n/2)
		if n/2 < l.n-6 {
			l.refused(t, n/2+6, typedmem.ErrBounds)
		}
	}
	appendUpTo(t, w, n+1)
	refresh(t, r, n+1)
	for _, l := range all {
		l.shows(t, l.n)
	}
	testkit.Wants(t, "Close", r.Close(), nil)
	for _, l := range all {
		l.refused(t, 0, typedmem.ErrClosed)
	}
	testkit.Wants(t, "a second Close", r.Close(), typedmem.ErrClosed)
	if r.Len() != 0 || r.Cap() != 0 {
		t.Fatal(r.Len(), r.Cap())
	}
}

// Goroutines that use a reader see a whole region while another one of them moves it on.
func TestAReaderMovesOnBesideItsUsers(t *testing.T) {
	testenv.PartialPages(t) // it maps ahead of the end of a file that grows
	w, r := follower(t, 10)
	var done atomic.Bool
	var users sync.WaitGroup
	for k := range 3 {
		users.Add(1)
		go func() {
			defer users.Done()
			for i := 0; !done.Load() && !t.Failed(); i++ {
				n := r.Len()
				v := r.View()
				if v.Len() < n || r.At(n-1) != uint64(n-1) || v.At(v.Len()-1) != uint64(v.Len()-1) || r.Cap() < n {
					t.Errorf("of %d elements and %d the last is %d", n, v.Len(), r.At(n-1))
				}
				if _, err := r.Load(w.Cap()); !errors.Is(err, typedmem.ErrBounds) {
					t.Error(err)
				}
				unpin, err := r.Pin()
				if err == nil {
					err = errors.Join(r.Flush(), r.Prefault(n-1, n), r.Mapping().Advise(0, 8, flags.WillNeed))
					unpin()
				}
				if err != nil {
					t.Error(err)
				}
				if m, err := r.Refresh(); k > 0 && (err != nil || m < n) {
					t.Error(m, n, err)
				}
				_ = r.String()
			}
		}()
	}
	for range 4 {
		outgrow2(t, w, r)
	}
	done.Store(true)
	users.Wait()
}

// outgrow2 is outgrow beside others that call Refresh.
func outgrow2(t *testing.T, w, r *region.Region[uint64]) {
	t.Helper()
	for n := r.Cap() + 1; w.Len() < n; {
		appendUpTo(t, w, min(w.Len()+10_000, n))
	}
	refresh(t, r, w.Len())
}

// A capacity that was asked for is where a reader begins.
func TestAReaderOutgrowsACapacityThatWasAskedFor(t *testing.T) {
	w, _ := follower(t, 10)
	r, err := region.OpenFile[uint64](w.Mapping().File(), region.FileOptions{Capacity: 1 << 13})
	testkit.Wants(t, "OpenFile", err, nil)
	defer r.Close()
	if r.Cap() != 1<<13 {
		t.Fatal(r.Cap())
	}
	before := look(t, r)
	outgrow(t, w, r)
	before.shows(t, before.n)
	look(t, r).shows(t, r.Len())
}

// A pin from before holds the region open, and as long as it is; so does a call at work on the
// memory from before.
func TestWhatHoldsAReaderFromBeforeItMovedOn(t *testing.T) {
	for name, hold := range map[string]func(t *testing.T, r *region.Region[uint64]) (release func()){
		"Pin": func(t *testing.T, r *region.Region[uint64]) func() {
			unpin, err := r.Pin()
			testkit.Wants(t, "Pin", err, nil)
			return unpin
		},
		"Flush": func(t *testing.T, r *region.Region[uint64]) func() {
			m := r.Mapping()
			resume := testenv.Stopped(t, sys.OpFlush, func() error { return m.Flush(0, 80) })
			return func() { testkit.Wants(t, "Flush", resume(), nil) }
		},
	} {
		for moves := range 3 { // before it is held
			t.Run(fmt.Sprint(name, moves), func(t *testing.T) {
				w, r := follower(t, 10)
				before := look(t, r)
				var release func()
				for i := range 3 {
					if i == moves {
						release = hold(t, r)
					}
					if i < 2 {
						outgrow(t, w, r)
					}
				}
				n := r.Len()
				testkit.Wants(t, "Close", r.Close(), typedmem.ErrBusy)
				before.shows(t, 10)
				look(t, r).shows(t, n)
				testkit.Wants(t, "Resize", w.Resize(5), nil)
				for range 2 {
					_, err := r.Refresh()
					testkit.Wants(t, "Refresh", err, typedmem.ErrBusy)
				}
				x, err := before.view.Load(9) // the file is shorter, the region is not
				testkit.Wants(t, "Load", err, nil)
				if r.Len() != n || x != 0 && x != 9 {
					t.Fatal(r.Len(), x)
				}
				testkit.Wants(t, "Close", r.Close(), typedmem.ErrBusy)
				release()
				refresh(t, r, 5)
				before.refused(t, 6, typedmem.ErrBounds)
				testkit.Wants(t, "Close", r.Close(), nil)
				before.refused(t, 0, typedmem.ErrClosed)
			})
		}
	}
}

// Where the system refuses a larger range Refresh says so, and the reader goes on where it was. It
// follows once the system gives one.
func TestAReaderThatIsRefusedALargerRange(t *testing.T) {
	for _, op := range []sys.Op{sys.OpReserve, sys.OpMap} {
		for _, locked := range []bool{false, true} {
			t.Run(fmt.Sprint(op, locked), func(t *testing.T) {
				w, r := follower(t, 10)
				if locked {
					testenv.MayLock(t, r.Mapping().Lock())
				}
				refresh(t, r, 10) // which maps the header
				before, m := look(t, r), r.Mapping()
				capacity := r.Cap()
				appendUpTo(t, w, capacity+1)
				refusal, locks := errors.New("the system refuses"), 0
				restore := sync.OnceFunc(sys.Interpose(func(c sys.Call) error {
					switch c.Op {
					case op:
						return refusal
					case sys.OpLock:
						locks++
					case sys.OpUnlock:
						locks--
					}
					return nil
				}))
				defer restore()
				for range 3 {
					_, err := r.Refresh()
					testkit.Wants(t, "Refresh", err, refusal, "refresh", m.File())
					if r.Len() != 10 || r.Cap() != capacity || r.Mapping() != m {
						t.Fatalf("%d elements of %d", r.Len(), r.Cap())
					}
					before.shows(t, 10)
					look(t, r).shows(t, 10)
				}
				restore()
				if locks != 0 {
					t.Errorf("%d more locks than unlocks of what was locked", locks)
				}
				refresh(t, r, capacity+1)
				before.shows(t, 10)
				testkit.Wants(t, "Close", r.Close(), nil)
			})
		}
	}
}

// Close beside a Refresh returns ErrBusy, and a closed region stays closed.
func TestCloseBesideARefreshThatMovesOn(t *testing.T) {
	w, r := follower(t, 10)
	before, n := look(t, r), r.Cap()+1
	appendUpTo(t, w, n)
	resume := testenv.Stopped(t, sys.OpReserve, func() error { _, err := r.Refresh(); return err })
	testkit.Wants(t, "Close", r.Close(), typedmem.ErrBusy)
	before.shows(t, 10)
	if r.Len() != 10 || r.At(9) != 9 {
		t.Fatal(r.Len())
	}
	testkit.Wants(t, "Refresh", resume(), nil)
	look(t, r).shows(t, n)
	testkit.Wants(t, "Close", r.Close(), nil)
	before.refused(t, 0, typedmem.ErrClosed)
}

// Goroutines that follow a file learn from Refresh that the reader was closed.
func TestCloseBesideManyRefreshes(t *testing.T) {
	w, first := follower(t, 10)
	testkit.Wants(t, "Close", first.Close(), nil)
	rounds := 20
	if testing.Short() {
		rounds = 5
	}
	for k := range rounds {
		r, err := region.OpenFile[uint64](w.Mapping().File(), region.FileOptions{Capacity: w.Len()})
		testkit.Wants(t, "Open", err, nil)
		var users sync.WaitGroup
		var begun sync.WaitGroup
		for range 3 {
			users.Add(1)
			begun.Add(1)
			go func() {
				defer users.Done()
				for i := 0; ; i++ {
					n, err := r.Refresh()
					if i == 0 {
						begun.Done()
					}
					if errors.Is(err, typedmem.ErrClosed) {
						return
					}
					if err != nil || n < 10 {
						t.Errorf("round %d: %d, %v", k, n, err)
						return
					}
				}
			}()
		}
		begun.Wait()
		appendUpTo(t, w, max(r.Cap()+1, w.Len()+1))
		for err = r.Close(); errors.Is(err, typedmem.ErrBusy); {
			err = r.Close()
		}
		testkit.Wants(t, "Close", err, nil)
		users.Wait()
	}
}

// Calls on a reader that moved on act on its newest mapping.
func TestCallsActOnTheNewestMapping(t *testing.T) {
	w, r := follower(t, 10)
	old := r.Mapping()
	outgrow(t, w, r)
	m := r.Mapping()
	if old.Len() != 80 || old.File() != m.File() || m.Len() != 8*r.Len() {
		t.Fatal(old, m)
	}
	for name, call := range map[string]func() error{
		"Flush":    r.Flush,
		"Prefault": func() error { return r.Prefault(0, r.Len()) },
		"Lock":     func() error { return r.Mapping().LockRange(0, 8) },
		"Unlock":   func() error { return r.Mapping().UnlockRange(0, 8) },
		"Advise":   func() error { return r.Mapping().Advise(0, m.Len(), flags.WillNeed) },
	} {
		asked := 0
		restore := testenv.InterposeHere(func(c sys.Call) error {
			if c.Addr != 0 {
				asked++
				if c.Addr < m.Addr() || c.Addr >= m.Addr()+uintptr(m.Len()) {
					t.Errorf("%s: %v at %#x, the mapping is at %#x", name, c.Op, c.Addr, m.Addr())
				}
			}
			return nil
		})
		err := call()
		restore()
		testkit.Wants(t, name, err, nil)
		if asked == 0 {
			t.Errorf("%s asks the system for nothing", name)
		}
	}
	unpin, err := r.Pin()
	testkit.Wants(t, "Pin", err, nil)
	testkit.Wants(t, "Close of the mapping", m.Close(), typedmem.ErrBusy)
	unpin()
	// The mapping from before is still one that its user may close: its views end, the region goes
	// on.
	testkit.Wants(t, "Close of the mapping from before", old.Close(), nil)
	look(t, r).shows(t, r.Len())
	outgrow(t, w, r)
	testkit.Wants(t, "Resize", w.Resize(5), nil)
	refresh(t, r, 5)
	testkit.Wants(t, "Close", r.Close(), nil)
}

// A newest mapping that somebody has closed leaves nothing of the region open.
func TestMappingOfAReaderClosedAfterItMovedOn(t *testing.T) {
	w, r := follower(t, 10)
	before := look(t, r)
	outgrow(t, w, r)
	testkit.Wants(t, "Close of the mapping", r.Mapping().Close(), nil)
	before.shows(t, 10)
	_, err := r.Refresh()
	testkit.Wants(t, "Refresh", err, typedmem.ErrClosed)
	for range 2 {
		testkit.Wants(t, "Close", r.Close(), typedmem.ErrClosed)
		before.refused(t, 0, typedmem.ErrClosed)
	}
}

type counted struct {
	N     atomic.Uint64
	Plain uint64
}

// Elements with atomic fields are reached through raw memory, before and after.
func TestAReaderOfAtomicsMovesOn(t *testing.T) {
	if strconv.IntSize == 32 {
		t.Skip("a reader does not move on in a 32-bit address space")
	}
	path := filepath.Join(t.TempDir(), "r")
	w, err := region.Create[counted](path, 10)
	testkit.Wants(t, "Create", err, nil)
	defer w.Close()
	r, err := region.Open[counted](path)
	testkit.Wants(t, "Open", err, nil)
	defer r.Close()
	old, before := r.Ptr(3), r.View()
	n := r.Cap() + 1
	testkit.Wants(t, "Resize", w.Resize(n), nil)
	if got, err := r.Refresh(); got != n || err != nil {
		t.Fatal(got, err)
	}
	w.Ptr(3).N.Store(33)
	w.Ptr(3).Plain = 44
	w.Ptr(n - 1).N.Store(55)
	if old.N.Load() != 33 || before.Ptr(3).N.Load() != 33 || r.Ptr(3) == old || r.Ptr(3).N.Load() != 33 || r.Ptr(n-1).N.Load() != 55 {
		t.Fatal(old.N.Load(), r.Ptr(3).N.Load())
	}
	for _, v := range []region.View[counted]{before, r.View()} {
		plain, err := region.Field[uint64](v, unsafe.Offsetof(counted{}.Plain))
		testkit.Wants(t, "Field", err, nil)
		if plain.At(3) != 44 {
			t.Fatal(plain.At(3))
		}
		_, err = v.Load(3)
		testkit.Wants(t, "Load", err, typedmem.ErrOperation)
	}
	_, err = r.Load(3)
	testkit.Wants(t, "Load", err, typedmem.ErrOperation)
	testkit.Wants(t, "Close", r.Close(), nil)
}
