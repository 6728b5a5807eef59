package typedmem_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

func TestResizeRefusals(t *testing.T) {
	m := mapMut(t, options.New(unit).WithCapacity(4*unit))
	copy(m.Bytes(), pattern(unit))
	testkit.Wants(t, "past the capacity", m.Resize(4*unit+1), typedmem.ErrCapacity)
	testkit.Wants(t, "far past it", m.Resize(math.MaxInt), typedmem.ErrCapacity)
	testkit.Wants(t, "negative", m.Resize(-1), typedmem.ErrSize)
	testkit.Wants(t, "room past the capacity", mem.Of(m).MakeRoom(4*unit+1), typedmem.ErrCapacity)
	testkit.Wants(t, "negative room", mem.Of(m).MakeRoom(-1), typedmem.ErrSize)
	same(t, "contents", m.Bytes(), pattern(unit))
}

// Random lengths against a slice: growth keeps the address and the contents, new memory is zero.
func TestResizeAgainstASlice(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	m := mapMut(t, options.New(0).WithCapacity(32*unit))
	first := m.Addr()
	var model []byte
	for range 300 {
		n := random.IntN(32*unit + 1)
		testkit.Check(t, m.Resize(n), fmt.Sprint("resize to ", n))
		if n <= len(model) {
			model = model[:n:n]
		} else {
			model = append(model[:len(model):len(model)], make([]byte, n-len(model))...)
		}
		if m.Len() != n || m.Addr() != first || mem.Of(m).Limits().Readable() != first+uintptr(n) {
			t.Fatalf("%d bytes at %#x", m.Len(), m.Addr())
		}
		same(t, "contents", m.Bytes(), model)
		if n > 0 {
			i := random.IntN(n)
			m.Bytes()[i], model[i] = byte(n), byte(n)
		}
	}
}

// A shared mapping that can be written makes its file longer, also where the new bytes lie in a
// page that is mapped already.
func TestGrowthMakesTheFileLonger(t *testing.T) {
	testenv.Differs(t, partialLargePage)
	for _, offset := range []int{0, 24, unit} {
		f := testkit.File(t, pattern(offset+100))
		m := testkit.Must(options.New(100).WithFile(f, int64(offset)).WithFlags(flags.Shared).WithCapacity(1 << 20).MapMut())(t)
		testkit.CloseLater(t, m)
		for _, n := range []int{101, 200, page, page + 1, 3*unit + 7, 1<<20 - 1} {
			was := m.Len()
			testkit.Check(t, m.Resize(n), "resize")
			same(t, "new bytes", m.Bytes()[was:n], make([]byte, n-was))
			m.Bytes()[n-1] = 77
			if c := contents(t, f); len(c) < offset+n || c[offset+n-1] != 77 {
				t.Errorf("offset %d: after Resize(%d) the file has %d bytes", offset, n, len(c))
			}
			m.Bytes()[n-1] = 0
		}
		long := len(contents(t, f))
		testkit.Check(t, m.Resize(10), "shrink")
		if now := len(contents(t, f)); now != long {
			t.Errorf("shrinking the mapping changed the file from %d to %d bytes", long, now)
		}
	}
}

// Up to Room a longer length is published without a system call, and every byte of it reaches the
// file.
func TestRoomOfAFileLiesInTheFile(t *testing.T) {
	testenv.Differs(t, partialLargePage)
	f := testkit.File(t, pattern(100))
	m := testkit.Must(options.New(100).WithFile(f, 0).WithFlags(flags.Shared).WithCapacity(1 << 20).MapMut())(t)
	testkit.CloseLater(t, m)
	l := mem.Of(m).Limits()
	end := m.Addr() + 100
	if l.Room() != end {
		t.Errorf("room for %d bytes in a file of 100", l.Room()-m.Addr())
	}
	if l.Extend(end, end+1) {
		t.Error("extended past the file")
	}
	testkit.Check(t, mem.Of(m).MakeRoom(5000), "make room")
	if m.Len() != 100 || l.Room() < m.Addr()+5000 {
		t.Errorf("%d bytes, room for %d", m.Len(), l.Room()-m.Addr())
	}
	if len(contents(t, f)) < int(l.Room()-m.Addr()) {
		t.Errorf("room for %d bytes, the file has %d", l.Room()-m.Addr(), len(contents(t, f)))
	}
	ro := l.ReadOnly()
	if !l.Extend(end, end+4900) || m.Len() != 5000 || l.Extend(end, end+10) {
		t.Errorf("extended to %d bytes", m.Len())
	}
	if ro.Readable() != m.Addr()+5000 || l.ReadOnly() != ro {
		t.Error("read-only limits did not follow")
	}
}

// Other file mappings grow within their file only.
func TestGrowthWithinTheFile(t *testing.T) {
	f := testkit.File(t, pattern(3*unit))
	readOnly := testkit.Must(os.Open(f.Name()))(t)
	defer readOnly.Close()
	for kind, terminal := range map[string]func() (*typedmem.Mapping, error){
		"read-only": options.New(unit).WithFile(readOnly, 0).WithFlags(flags.Shared).WithCapacity(8 * unit).Map,
		"private":   options.New(unit).WithFile(readOnly, 0).WithCapacity(8 * unit).MapMut,
	} {
		m := testkit.Must(terminal())(t)
		testkit.CloseLater(t, m)
		testkit.Check(t, m.Resize(2*unit+5), kind)
		same(t, kind, m.Bytes(), pattern(3 * unit)[:2*unit+5])
		testkit.Wants(t, kind, m.Resize(3*unit+1), typedmem.ErrTruncated)
		if m.Len() != 2*unit+5 {
			t.Errorf("%s: %d bytes after a refusal", kind, m.Len())
		}
		testkit.Check(t, m.Resize(3*unit), kind)
		same(t, kind, m.Bytes(), pattern(3*unit))
	}
	if n := len(contents(t, f)); n != 3*unit {
		t.Errorf("the file has %d bytes", n)
	}
}

// Without WithCapacity no handle of the file is kept: what shrank stays short, and nothing else
// ever appears there.
func TestFileMappingWithoutCapacityDoesNotGrow(t *testing.T) {
	f := testkit.File(t, pattern(4*unit))
	m := testkit.Must(options.New(4*unit).WithFile(f, 0).WithFlags(flags.Shared).MapMut())(t)
	testkit.CloseLater(t, m)
	testkit.Wants(t, "longer", m.Resize(4*unit+1), typedmem.ErrCapacity)
	testkit.Check(t, m.Resize(unit+5), "shorter")
	if m.Cap() != unit+5 {
		t.Errorf("Cap %d", m.Cap())
	}
	testkit.Wants(t, "longer again", m.Resize(2*unit), typedmem.ErrCapacity)
	same(t, "contents", m.Bytes(), pattern(4 * unit)[:unit+5])
	same(t, "file", contents(t, f), pattern(4*unit))
}

// A merged mapping grows with what the right part brought: its capacity and its handle of the file.
func TestGrowthAfterMerge(t *testing.T) {
	f := testkit.File(t, pattern(2*unit))
	space := testkit.Must(options.New(16 * unit).ReserveNone())(t)
	base := space.Addr()
	testkit.Check(t, space.Close(), "close")
	left, right, ok := neighbours(t,
		func(uintptr) options.Options { return options.New(unit).WithFile(f, 0).WithFlags(flags.Shared) },
		func(uintptr) options.Options {
			return options.New(unit).WithFile(f, int64(unit)).WithFlags(flags.Shared).WithCapacity(4 * unit)
		}, unit)
	if !ok {
		return
	}
	_ = base
	testkit.Check(t, left.Merge(right), "merge")
	testkit.Check(t, left.Resize(5*unit), "resize")
	left.Bytes()[5*unit-1] = 9
	if c := contents(t, f); len(c) < 5*unit || c[5*unit-1] != 9 {
		t.Errorf("the file has %d bytes", len(c))
	}
}

// A growth that fails after the file was made longer makes it short again.
func TestFailedGrowthPutsTheFileBack(t *testing.T) {
	f := testkit.File(t, pattern(unit))
	m := testkit.Must(options.New(unit).WithFile(f, 0).WithFlags(flags.Shared).WithCapacity(8 * unit).MapMut())(t)
	testkit.CloseLater(t, m)
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpMap {
			return errInjected
		}
		return nil
	})
	err := m.Resize(4 * unit)
	restore()
	testkit.Wants(t, "resize", err, errInjected)
	if n := len(contents(t, f)); n != unit && testenv.Emulator() != "Wine" { // Wine cuts no file that is mapped
		t.Errorf("the file has %d bytes, want %d", n, unit)
	}
	testkit.Check(t, m.Resize(4*unit), "resize")
}

// A resize and appends from another goroutine: the length is always one that somebody asked for,
// and no append is undone by a growth.
func TestGrowthNeverUndoesAnExtension(t *testing.T) {
	for range 200 {
		m := testkit.Must(options.New(1).WithCapacity(4 * unit).MapMut())(t)
		testkit.Check(t, mem.Of(m).MakeRoom(4*unit), "make room")
		l, first := mem.Of(m).Limits(), m.Addr()
		done := make(chan bool)
		go func() { done <- l.Extend(first+1, first+100) }()
		testkit.Check(t, m.Resize(50), "resize")
		extended := <-done
		if n := m.Len(); n != 50 && !(extended && n == 100) {
			t.Fatalf("%d bytes, extended %v", n, extended)
		}
		if extended && m.Len() == 50 {
			continue // the extension came first, the resize shrank it
		}
		testkit.Check(t, m.Close(), "close")
	}
}

func TestReservedRangeIsNotResized(t *testing.T) {
	m := testkit.Must(options.New(unit).WithCapacity(4 * unit).ReserveMut())(t)
	testkit.CloseLater(t, m)
	err := m.Resize(2 * unit)
	testkit.Wants(t, "resize", err, typedmem.ErrOperation)
	if errors.Is(err, typedmem.ErrCapacity) {
		t.Error("two reasons")
	}
}

// Close cuts off what growth added past the length of a file; what was there before, and what the
// mapping once showed, stays.
func TestCloseCutsWhatGrowthPutAhead(t *testing.T) {
	testenv.PartialPages(t)
	const long = 1 << 20
	for name, c := range map[string]struct {
		before, size int   // bytes of the file, of the mapping
		resize       []int // its lengths after that
		then         func(t *testing.T, m *typedmem.Mapping, f *os.File) *typedmem.Mapping
		after        int // bytes of the file, -1 for what it had before Close
	}{
		"longer":           {80, 80, []int{88}, nil, 88},
		"longer, twice":    {80, 80, []int{88, 300_000}, nil, 300_000},
		"longer, shorter":  {80, 80, []int{5000, 3}, nil, 5000},
		"in a longer file": {9000, 80, []int{88}, nil, 9000},
		"never grown":      {80, 80, []int{8}, nil, 80},
		"room never used": {80, 80, nil, func(t *testing.T, m *typedmem.Mapping, _ *os.File) *typedmem.Mapping {
			testkit.Check(t, mem.Of(m).MakeRoom(5000), "room")
			return m
		}, 80},
		"somebody else": {80, 80, []int{88}, func(t *testing.T, m *typedmem.Mapping, f *os.File) *typedmem.Mapping {
			info, err := f.Stat()
			testkit.Check(t, err, "stat")
			testkit.Check(t, f.Truncate(info.Size()+1), "truncate")
			return m
		}, -1},
		"split off": {2 * unit, 2 * unit, []int{2*unit + 8}, func(t *testing.T, m *typedmem.Mapping, _ *os.File) *typedmem.Mapping {
			right := testkit.Must(m.SplitOff(unit))(t)
			testkit.Check(t, m.Close(), "close")
			return right
		}, 2*unit + 8},
		"split to": {2 * unit, 2 * unit, []int{2*unit + 8}, func(t *testing.T, m *typedmem.Mapping, _ *os.File) *typedmem.Mapping {
			testkit.Check(t, testkit.Must(m.SplitTo(unit))(t).Close(), "close")
			return m
		}, 2*unit + 8},
		"split and merged": {2 * unit, 2 * unit, []int{2*unit + 8}, func(t *testing.T, m *typedmem.Mapping, _ *os.File) *typedmem.Mapping {
			testkit.Check(t, m.Merge(testkit.Must(m.SplitOff(unit))(t)), "merge")
			testkit.Check(t, m.Resize(2*unit+9), "resize")
			return m
		}, 2*unit + 9},
	} {
		t.Run(name, func(t *testing.T) {
			f := testkit.File(t, pattern(c.before))
			m := testkit.Must(options.New(c.size).WithFile(f, 0).WithCapacity(long).WithFlags(flags.Shared).MapMut())(t)
			for _, n := range c.resize {
				testkit.Check(t, m.Resize(n), "resize")
			}
			if c.then != nil {
				m = c.then(t, m, f)
			}
			info, err := f.Stat()
			testkit.Check(t, err, "stat")
			want := int64(c.after)
			if want < 0 {
				want = info.Size()
			}
			testkit.Check(t, m.Close(), "close")
			info, err = f.Stat()
			testkit.Check(t, err, "stat")
			if info.Size() != want {
				t.Errorf("the file has %d bytes, want %d", info.Size(), want)
			}
			if got := contents(t, f); !bytes.Equal(got[:c.before], pattern(c.before)) {
				t.Error("what was in the file changed")
			}
		})
	}
}

// What was given a capacity grows into it after the caller has closed the file, be it within the
// last page or back to where it was.
func TestAFileMappingGrowsWithinItsLastPage(t *testing.T) {
	testenv.Differs(t, partialLargePage)
	for name, f := range map[string]flags.Map{"private": 0, "shared": flags.Shared} {
		for _, capacity := range []int{1160, 1200} {
			file := testkit.File(t, pattern(1200))
			m := testkit.Must(options.New(1160).WithFile(file, 0).WithFlags(f).WithCapacity(capacity).MapMut())(t)
			testkit.CloseLater(t, m)
			testkit.Check(t, file.Close(), "closing the file")
			testkit.Check(t, m.Resize(100), name+": shrinking")
			testkit.Check(t, m.Resize(capacity), name+": growing")
			same(t, name, m.Bytes(), pattern(capacity))
			testkit.Wants(t, name+": past the capacity", m.Resize(m.Cap()+1), typedmem.ErrCapacity)
		}
	}
}
