package typedmem_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// terminal is one of the ten ways to make a mapping.
type terminal struct {
	name      string
	protected flags.Protection
	reserve   bool
	make      func(options.Options) (*typedmem.Mapping, error)
}

var terminals = []terminal{
	{"MapNone", none, false, options.Options.MapNone},
	{"Map", read, false, options.Options.Map},
	{"MapMut", mut, false, options.Options.MapMut},
	{"MapExec", exec, false, options.Options.MapExec},
	{"MapExecMut", execMut, false, options.Options.MapExecMut},
	{"ReserveNone", none, true, options.Options.ReserveNone},
	{"Reserve", read, true, options.Options.Reserve},
	{"ReserveMut", mut, true, options.Options.ReserveMut},
	{"ReserveExec", exec, true, options.Options.ReserveExec},
	{"ReserveExecMut", execMut, true, options.Options.ReserveExecMut},
}

// wxRefused are the systems that allow no memory that is writable and executable at once.
var wxRefused = map[string]string{
	"openbsd": "W^X: only a file system mounted with wxallowed permits it",
	"netbsd":  "PaX MPROTECT may refuse it",
	"darwin":  "the hardened runtime may refuse it",
	"ios":     "refused",
}

func TestEachTerminalMakesWhatItSays(t *testing.T) {
	for _, term := range terminals {
		for _, backing := range []string{"anonymous", "file"} {
			t.Run(term.name+"/"+backing, func(t *testing.T) {
				if term.protected == execMut {
					testenv.Differs(t, wxRefused)
				}
				n := 3 * unit
				o := options.New(n).WithUnsafeFlags(flags.JIT)
				if backing == "file" {
					if term.protected.Has(flags.Execute) && runtime.GOOS == "windows" {
						t.Skip("windows: a file must be open for execution, which os.Open does not ask for")
					}
					o = o.WithFile(testkit.File(t, pattern(n)), 0)
				}
				m := testkit.Must(term.make(o))(t)
				testkit.CloseLater(t, m)
				if m.Len() != n || m.Protection() != term.protected || m.Committed() == term.reserve || m.FileBacked() != (backing == "file") {
					t.Errorf("length %d, protection %v, committed %v, file-backed %v", m.Len(), m.Protection(), m.Committed(), m.FileBacked())
				}
				testkit.Check(t, m.Commit(), "commit")
				if !m.Committed() || m.Protection() != term.protected {
					t.Errorf("after Commit: protection %v, committed %v", m.Protection(), m.Committed())
				}
				b, err := raw(m)
				if term.protected == none {
					testkit.Wants(t, "Bytes", err, typedmem.ErrProtection)
					return
				}
				testkit.Check(t, err, "Bytes")
				if len(b) != n || cap(b) != n {
					t.Errorf("Bytes: length %d, capacity %d; want %d", len(b), cap(b), n)
				}
				want := make([]byte, n)
				if backing == "file" {
					want = pattern(n)
				}
				same(t, "contents", b, want)
				r, w := accessible(m, b, n-1)
				if !r || w != term.protected.Has(flags.Write) {
					t.Errorf("really readable %v, writable %v with protection %v", r, w, term.protected)
				}
			})
		}
	}
}

// Without flags.JIT nothing becomes writable and executable.
func TestWritableAndExecutableNeedsJIT(t *testing.T) {
	_, err := options.New(unit).MapExecMut()
	testkit.Wants(t, "MapExecMut", err, typedmem.ErrUnsafeFlag)
	_, err = options.New(unit).ReserveExecMut()
	testkit.Wants(t, "ReserveExecMut", err, typedmem.ErrUnsafeFlag)
	m := mapMut(t, options.New(unit))
	m.Bytes()[0] = 7
	testkit.Wants(t, "MakeExecMut", m.MakeExecMut(), typedmem.ErrUnsafeFlag)
	if m.Protection() != mut || m.Bytes()[0] != 7 {
		t.Errorf("after the refusal: protection %v", m.Protection())
	}
}

// What cannot be mapped is refused with the sentinel that says why, and by every terminal alike.
func TestRefusals(t *testing.T) {
	f := testkit.File(t, pattern(3*unit))
	closed := testkit.File(t, nil)
	closed.Close()
	vast := 1 << min(57, strconv.IntSize-2)
	for _, c := range []struct {
		name string
		o    options.Options
		want error
	}{
		{"no size", options.New(0), typedmem.ErrSize},
		{"negative size", options.New(-1), typedmem.ErrSize},
		{"least size", options.New(math.MinInt), typedmem.ErrSize},
		{"greatest size", options.New(math.MaxInt), typedmem.ErrSize},
		{"a size that rounds past the greatest", options.New(math.MaxInt - 1), typedmem.ErrSize},
		{"product past the greatest int", options.For[[1 << 20]byte](math.MaxInt >> 10), typedmem.ErrSize},
		{"negative count", options.For[int64](-1), typedmem.ErrSize},
		{"no count", options.For[int64](0), typedmem.ErrSize},
		{"values without a size", options.For[struct{}](10), typedmem.ErrSize},
		{"negative capacity", options.New(1).WithCapacity(-1), typedmem.ErrSize},
		{"capacity below the size", options.New(2 * unit).WithCapacity(unit), typedmem.ErrSize},
		{"greatest capacity", options.New(1).WithCapacity(math.MaxInt), typedmem.ErrSize},
		{"greatest size of a file", options.New(math.MaxInt).WithFile(f, 0), typedmem.ErrSize},
		{"misaligned address", options.New(unit).WithAddress(uintptr(unit) + 1), typedmem.ErrOffset},
		{"address off by half a unit", options.New(unit).WithAddress(uintptr(unit*8 + unit/2)), typedmem.ErrOffset},
		{"range past the last address", options.New(2 * unit).WithAddress(-uintptr(unit)), typedmem.ErrSize},
		{"fixed without an address", options.New(unit).WithUnsafeFlags(flags.Fixed), typedmem.ErrOperation},
		{"negative file offset", options.New(unit).WithFile(f, -1), typedmem.ErrOffset},
		{"file offset past the greatest", options.New(unit).WithFile(f, math.MaxInt64), typedmem.ErrOffset},
		{"no file", options.New(unit).WithFile(nil, 0), typedmem.ErrOperation},
		{"closed file", options.New(unit).WithFile(closed, 0), os.ErrClosed},
		{"unknown flag", options.New(unit).WithFlags(1 << 31), typedmem.ErrOperation},
		{"unknown unsafe flag", options.New(unit).WithUnsafeFlags(1 << 31), typedmem.ErrOperation},
		{"odd page size", options.New(unit).WithPageSize(13), errors.ErrUnsupported},
		{"odd page size with HugePages", options.New(unit).WithPageSize(13).WithFlags(flags.HugePages), errors.ErrUnsupported},
		{"page size past 63 bits", options.New(unit).WithPageSize(200), errors.ErrUnsupported},
		{"vast", options.New(vast).WithFlags(flags.NoReserve), typedmem.ErrSize},
	} {
		if c.name == "vast" && strconv.IntSize == 32 {
			continue // 1 GiB: some 32-bit systems have that
		}
		for _, term := range terminals {
			if term.protected == execMut {
				c.o = c.o.WithUnsafeFlags(flags.JIT)
			}
			m, err := term.make(c.o)
			testkit.Wants(t, term.name+": "+c.name, err, c.want)
			if m != nil {
				t.Errorf("%s: %s: a mapping and an error", term.name, c.name)
			}
		}
	}
}

// A size that fits an int but no address space is refused as ErrSize.
func TestSizesBeyondTheAddressSpace(t *testing.T) {
	if strconv.IntSize == 32 {
		t.Skip("a 32-bit int holds no such size but those that TestRefusals tries")
	}
	for shift := 49; shift < 63; shift++ {
		if _, err := options.New(1 << shift).ReserveNone(); !errors.Is(err, typedmem.ErrSize) {
			t.Errorf("2^%d bytes: %v; want ErrSize", shift, err)
		}
		if _, err := options.New(1).WithCapacity(1 << shift).MapMut(); !errors.Is(err, typedmem.ErrSize) {
			t.Errorf("capacity of 2^%d bytes: %v; want ErrSize", shift, err)
		}
	}
}

func TestLengthsNeedNotBeWholePages(t *testing.T) {
	for _, n := range []int{1, 7, page - 1, page, page + 1, unit + 1, 3*unit - 1} {
		m := mapMut(t, options.New(n))
		b := m.Bytes()
		if m.Len() != n || len(b) != n || cap(b) != n || m.Cap() < n {
			t.Errorf("%d bytes: Len %d, len %d, cap %d, Cap %d", n, m.Len(), len(b), cap(b), m.Cap())
		}
		b[n-1] = 1
		testkit.Check(t, m.Flush(0, n), "flush")
		testkit.Check(t, m.Lock(), "lock")
		testkit.Check(t, m.Unlock(), "unlock")
		testkit.Check(t, m.Close(), "close")
	}
}

// A file can be mapped from any offset: typed arrays begin after a header.
func TestFileOffsetsNeedNotBeAligned(t *testing.T) {
	whole := pattern(4 * unit)
	for _, offset := range []int{0, 1, 8, page - 1, page, unit - 1, unit, unit + 24, 2*unit + 5} {
		for _, n := range []int{1, page, unit, unit + 3} {
			f := testkit.File(t, whole)
			m := testkit.Must(options.New(n).WithFile(f, int64(offset)).WithFlags(flags.Shared).MapMut())(t)
			f.Close() // the mapping does not need it
			b := m.Bytes()
			same(t, fmt.Sprintf("%d bytes at %d", n, offset), b, whole[offset:offset+n])
			b[0], b[n-1] = ^b[0], ^b[n-1]
			testkit.Check(t, m.Flush(0, n), "flush")
			testkit.Check(t, m.Close(), "close")
			now := contents(t, f)
			want := append([]byte(nil), whole...)
			want[offset] = ^want[offset]
			if n > 1 {
				want[offset+n-1] = ^want[offset+n-1]
			}
			same(t, "file", now, want)
		}
	}
}

func TestPrivateWritesStayPrivate(t *testing.T) {
	f := testkit.File(t, pattern(unit))
	m := testkit.Must(options.New(unit).WithFile(f, 0).MapMut())(t)
	testkit.CloseLater(t, m)
	m.Bytes()[5] = 200
	testkit.Check(t, m.Flush(0, unit), "flush")
	same(t, "file", contents(t, f), pattern(unit))
}

// A mapping that reaches past the end of its file is allowed, as mmap allows it; stores that grow
// files under a fixed mapping do so.
func TestMappingLongerThanItsFile(t *testing.T) {
	testenv.Differs(t, map[string]string{"windows": "a view cannot reach past the end of its file"})
	f := testkit.File(t, pattern(10))
	m := testkit.Must(options.New(4*page).WithFile(f, 0).WithFlags(flags.Shared).MapMut())(t)
	testkit.CloseLater(t, m)
	b := m.Bytes()
	same(t, "the part in the file", b[:10], pattern(10))
	same(t, "the rest of its last page", b[10:page], make([]byte, page-10))
	if contents := contents(t, f); len(contents) != 10 {
		t.Errorf("the file has %d bytes, mapping it changed that", len(contents))
	}
	testkit.Wants(t, "Prefault past the end", m.Prefault(0, 2*page), typedmem.ErrTruncated)
	testkit.Check(t, m.Prefault(0, page), "Prefault")
	t.Run("access past the end", func(t *testing.T) {
		testenv.Differs(t, wrongBusAddress)
		var fault *typedmem.FaultError
		if err := typedmem.Guard(func() error { b[2*page]++; return nil }); !errors.As(err, &fault) {
			t.Errorf("access past the end: %v", err)
		}
	})
	t.Run("once the file has grown", func(t *testing.T) {
		testenv.Differs(t, map[string]string{"qemu-user with large pages": "a mapping ends for good where its file ended"})
		testkit.Check(t, f.Truncate(int64(4*page)), "truncate")
		testkit.Check(t, m.Prefault(0, 4*page), "Prefault")
		b[3*page] = 9
		if got := contents(t, f); got[3*page] != 9 {
			t.Error("a store into the grown part did not reach the file")
		}
	})
}

func TestEmptyMappingGrows(t *testing.T) {
	m := mapMut(t, options.New(0).WithCapacity(3*unit))
	if m.Len() != 0 || m.Cap() != 3*unit || len(m.Bytes()) != 0 || !m.Committed() {
		t.Errorf("Len %d, Cap %d, committed %v", m.Len(), m.Cap(), m.Committed())
	}
	for _, err := range []error{m.Lock(), m.Unlock(), m.Flush(0, 0), m.Prefault(0, 0), m.Advise(0, 0, flags.WillNeed), m.MakeReadOnly(), m.MakeMut(), m.FlushInstructionCache()} {
		testkit.Check(t, err, "an operation on no bytes")
	}
	first := m.Addr()
	testkit.Check(t, m.Resize(2*unit+1), "resize")
	if m.Addr() != first {
		t.Error("growth moved the mapping")
	}
	copy(m.Bytes(), pattern(2*unit+1))
	testkit.Check(t, m.Resize(0), "resize to 0")
	testkit.Check(t, m.Resize(2*unit+1), "resize again")
	same(t, "memory that came back", m.Bytes(), make([]byte, 2*unit+1))
}

func TestWithAddressIsAHint(t *testing.T) {
	probe := testkit.Must(options.New(8 * unit).ReserveNone())(t)
	addr := probe.Addr()
	// Taken: the mapping goes elsewhere and nothing is replaced.
	m := mapMut(t, options.New(unit).WithAddress(addr))
	if m.Addr() >= addr && m.Addr() < addr+uintptr(8*unit) {
		t.Fatalf("the hint %#x replaced a mapping", addr)
	}
	testkit.Check(t, probe.Close(), "close")
	// Free: the hint is followed, for files as well.
	f := testkit.File(t, pattern(unit))
	for name, o := range map[string]options.Options{"anonymous": options.New(unit), "file": options.New(unit).WithFile(f, 0)} {
		m := testkit.Must(o.WithAddress(addr).Map())(t)
		if m.Addr() != addr {
			t.Errorf("%s: hint %#x, mapped at %#x", name, addr, m.Addr())
		}
		testkit.Check(t, m.Close(), "close")
		m = nil
		for range 4 { // where inaccessible memory is not listed, the list alone does not tell when it is free
			runtime.GC()
			time.Sleep(5 * time.Millisecond) // cleanups run in a goroutine of their own
		}
		eventually(t, "the address is free", func() bool { _, ok := areaAt(t, addr); return !ok })
	}
}

// Fixed takes addresses over: of a mapping that is closed and whose addresses are held, and of one
// that is open.
func TestFixedTakesAddressesOver(t *testing.T) {
	testenv.Differs(t, map[string]string{"windows": "there is no MAP_FIXED"})
	for _, state := range []string{"open", "closed"} {
		old := testkit.Must(options.New(4 * unit).MapMut())(t)
		limits := mem.Of(old).Limits() // keeps the addresses
		if state == "closed" {
			testkit.Check(t, old.Close(), "close")
		}
		addr := old.Addr() + uintptr(unit)
		m := testkit.Must(options.New(2 * unit).WithAddress(addr).WithUnsafeFlags(flags.Fixed).MapMut())(t)
		if m.Addr() != addr {
			t.Fatalf("mapped at %#x, want %#x", m.Addr(), addr)
		}
		copy(m.Bytes(), pattern(2*unit))
		if state == "open" {
			testkit.Check(t, old.Close(), "close")
		}
		same(t, state+": after Close of the old mapping", m.Bytes(), pattern(2*unit))
		runtime.KeepAlive(limits)
		outside := old.Addr()
		old, limits = nil, nil
		eventually(t, "the old addresses outside are free", func() bool { _, ok := areaAt(t, outside); return !ok })
		same(t, state+": after the collector released the old mapping", m.Bytes(), pattern(2*unit))
		testkit.Check(t, m.Close(), "close")
	}
}

func TestFixedWithCapacity(t *testing.T) {
	testenv.Differs(t, map[string]string{"windows": "there is no MAP_FIXED"})
	old := testkit.Must(options.New(8 * unit).ReserveNone())(t)
	m := mapMut(t, options.New(unit).WithCapacity(8*unit).WithAddress(old.Addr()).WithUnsafeFlags(flags.Fixed))
	testkit.Check(t, m.Resize(8*unit), "resize")
	copy(m.Bytes(), pattern(8*unit))
	testkit.Check(t, old.Close(), "close")
	same(t, "contents", m.Bytes(), pattern(8*unit))
}

// Where the system cannot map over what is there, flags.Fixed is refused before anything is
// touched: what was at the address stays as it was.
func TestFixedIsUnsupportedOnWindows(t *testing.T) {
	if runtime.GOOS != "windows" {
		t.Skip("elsewhere it works, see TestFixedTakesAddressesOver")
	}
	f := testkit.Must(os.Create(filepath.Join(t.TempDir(), "file")))(t)
	defer f.Close()
	testkit.Check(t, f.Truncate(int64(4*unit)), "truncate")
	for _, term := range terminals {
		for name, o := range map[string]options.Options{
			"plain":         options.New(unit),
			"capacity":      options.New(unit).WithCapacity(4 * unit),
			"only capacity": options.New(0).WithCapacity(4 * unit),
			"file":          options.New(unit).WithFile(f, 0).WithFlags(flags.Shared),
			"growing file":  options.New(unit).WithFile(f, 0).WithFlags(flags.Shared).WithCapacity(4 * unit),
		} {
			if term.reserve && name == "only capacity" {
				continue // nothing to commit is refused by itself
			}
			old := mapMut(t, options.New(4*unit).WithCapacity(8*unit))
			copy(old.Bytes(), pattern(4*unit))
			restore := testenv.InterposeHere(func(c sys.Call) error {
				t.Errorf("%s of %s asks the system: %v", term.name, name, c.Op)
				return nil
			})
			_, err := term.make(o.WithAddress(old.Addr()).WithUnsafeFlags(flags.Fixed | flags.JIT))
			restore()
			testkit.Wants(t, term.name+" of "+name, err, errors.ErrUnsupported)
			same(t, "what was there", old.Bytes(), pattern(4*unit))
			testkit.Check(t, old.Close(), "close")
		}
	}
}

// A large range is reserved once and committed piece by piece, addresses fixed, as WebAssembly
// runtimes do.
func TestReserveCommitPieceByPiece(t *testing.T) {
	pieces := 16
	whole := testkit.Must(options.New(pieces * unit).ReserveMut())(t)
	first := whole.Addr()
	var parts []*typedmem.Mapping
	for range pieces - 1 {
		parts = append(parts, testkit.Must(whole.SplitTo(unit))(t))
	}
	parts = append(parts, whole)
	for i := 0; i < pieces; i += 2 {
		testkit.Check(t, parts[i].Commit(), "commit")
		copy(parts[i].Bytes(), pattern(unit))
	}
	for i, m := range parts {
		if m.Addr() != first+uintptr(i*unit) || m.Len() != unit || m.Committed() != (i%2 == 0) {
			t.Errorf("piece %d: %#x, %d bytes, committed %v", i, m.Addr(), m.Len(), m.Committed())
		}
		if i%2 == 0 {
			same(t, fmt.Sprint("piece ", i), m.Bytes(), pattern(unit))
		} else if !inaccessible(t, m.Addr()) {
			t.Errorf("piece %d is accessible and was never committed", i)
		}
		testkit.Check(t, m.Close(), "close")
	}
}

func TestAdviseDropsNothingOutsideItsRange(t *testing.T) {
	n := 6*page - 5
	for lo := 0; lo <= n; lo += page/2 - 1 {
		for hi := lo; hi <= n; hi = nextOf(hi, page/2+3, n) {
			m := mapMut(t, options.New(n))
			b := m.Bytes()
			copy(b, pattern(n))
			testkit.Check(t, m.Advise(lo, hi, flags.DontNeed), "advise")
			same(t, fmt.Sprintf("before [%d,%d)", lo, hi), b[:lo], pattern(n)[:lo])
			same(t, fmt.Sprintf("after [%d,%d)", lo, hi), b[hi:], pattern(n)[hi:])
			if runtime.GOOS == "linux" && testenv.Emulator() == "" {
				first, end := (lo+page-1)/page*page, hi/page*page // the rest of the last page may be appended to
				if first < end {
					same(t, "inside", b[first:end], make([]byte, end-first))
				}
			}
			testkit.Check(t, m.Close(), "close")
		}
	}
}

// nextOf counts up in steps, to n as well and then past it.
func nextOf(i, step, n int) int {
	if i < n && i+step > n {
		return n
	}
	return i + step
}

func TestAdviseRefusesWhatIsNoAdvice(t *testing.T) {
	m := mapMut(t, options.New(unit))
	for bit := flags.Map(1); bit.Unknown() == 0; bit <<= 1 {
		want := typedmem.ErrOperation
		if flags.Advice.Has(bit) {
			want = nil
		}
		testkit.Wants(t, bit.String(), m.Advise(0, unit, bit), want)
	}
	testkit.Wants(t, "an unknown flag", m.Advise(0, unit, 1<<31), typedmem.ErrOperation)
	testkit.Check(t, m.Advise(0, unit, 0), "none")
}

// A range must lie in the mapping; every operation that takes one says so alike.
func TestRangesAreChecked(t *testing.T) {
	m := mapMut(t, options.New(3*unit-7))
	n := m.Len()
	for name, op := range map[string]func(lo, hi int) error{
		"Flush":       m.Flush,
		"FlushAsync":  m.FlushAsync,
		"LockRange":   m.LockRange,
		"UnlockRange": m.UnlockRange,
		"Prefault":    m.Prefault,
		"Prefetch":    m.Prefetch,
		"Resident": func(lo, hi int) error {
			n, err := m.Resident(lo, hi)
			if err == nil && (n < 0 || n > hi-lo) {
				t.Errorf("%d bytes of [%d,%d)", n, lo, hi)
			}
			return ignore(err, errors.ErrUnsupported)
		},
		"Advise": func(lo, hi int) error { return m.Advise(lo, hi, flags.WillNeed) },
	} {
		for _, r := range [][2]int{{-1, 1}, {0, n + 1}, {2, 1}, {n + 1, n + 1}, {math.MinInt, math.MaxInt}, {math.MaxInt, math.MinInt}, {0, math.MaxInt}, {n, n - 1}} {
			testkit.Wants(t, fmt.Sprint(name, r), op(r[0], r[1]), typedmem.ErrBounds)
		}
		for _, r := range [][2]int{{0, 0}, {n, n}, {0, n}, {5, 6}, {page - 1, page + 1}, {n - 1, n}} {
			testkit.Check(t, op(r[0], r[1]), fmt.Sprint(name, r))
		}
	}
}

// Flush asks the system for shared file mappings, and only for them.
func TestFlushAsksTheSystem(t *testing.T) {
	f := testkit.File(t, pattern(2*unit))
	for name, c := range map[string]struct {
		o    options.Options
		want int
	}{
		"anonymous":    {options.New(2 * unit), 0},
		"shared":       {options.New(2 * unit).WithFlags(flags.Shared), 0},
		"private file": {options.New(2*unit).WithFile(f, 0), 0},
		"shared file":  {options.New(2*unit).WithFile(f, 0).WithFlags(flags.Shared), 2},
	} {
		m := mapMut(t, c.o)
		asked := 0
		restore := sys.Interpose(func(call sys.Call) error {
			if call.Op == sys.OpFlush {
				asked++
			}
			return nil
		})
		testkit.Check(t, m.Flush(1, unit+1), "flush")
		testkit.Check(t, m.FlushAsync(1, unit+1), "flush")
		testkit.Check(t, m.Flush(5, 5), "flush of no byte")
		restore()
		if asked != c.want {
			t.Errorf("%s: the system was asked %d times, want %d", name, asked, c.want)
		}
	}
}

func TestErrorsSayWhatStoodAgainst(t *testing.T) {
	m := mapMut(t, options.New(unit))
	err := m.Flush(3, unit+1)
	want := fmt.Sprintf("typedmem: flush (%d bytes at %#x): bytes [3,%d) of a mapping of %d bytes: out of bounds", unit, m.Addr(), unit+1, unit)
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var e *typedmem.Error
	if !errors.As(err, &e) || e.Op != "flush" || e.Addr != m.Addr() || e.Len != unit {
		t.Errorf("%+v", e)
	}
}

// Code that lies past the end of its file cannot be flushed: an error where the processor touches
// the memory for that, and never a crash.
func TestCodePastTheEndOfTheFile(t *testing.T) {
	testenv.Differs(t, map[string]string{"windows": "a view cannot reach past the end of its file"})
	f := testkit.File(t, pattern(10))
	m := testkit.Must(options.New(3*unit).WithFile(f, 0).Map())(t)
	defer m.Close()
	for name, err := range map[string]error{"flush": m.FlushInstructionCache(), "make": m.MakeExec()} {
		if err != nil && !errors.Is(err, typedmem.ErrTruncated) && !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if b := m.Bytes(); b[9] != pattern(10)[9] {
		t.Error("the mapping cannot be read any more")
	}
}
