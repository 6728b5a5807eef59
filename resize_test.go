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
	"github.com/typedmem/typedmem/options"
)

func TestResizeRefusals(t *testing.T) {
	m := mapMut(t, options.New(unit).WithCapacity(4*unit))
	copy(m.Bytes(), pattern(unit))
	wants(t, "past the capacity", m.Resize(4*unit+1), typedmem.ErrCapacity)
	wants(t, "far past it", m.Resize(math.MaxInt), typedmem.ErrCapacity)
	wants(t, "negative", m.Resize(-1), typedmem.ErrSize)
	wants(t, "room past the capacity", mem.Of(m).MakeRoom(4*unit+1), typedmem.ErrCapacity)
	wants(t, "negative room", mem.Of(m).MakeRoom(-1), typedmem.ErrSize)
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
		check(t, fmt.Sprint("resize to ", n), m.Resize(n))
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
	deviant(t, partialLargePage)
	for _, offset := range []int{0, 24, unit} {
		f := fileOf(t, pattern(offset+100))
		m := must[*typedmem.Mapping](t)(options.New(100).WithFile(f, int64(offset)).WithFlags(flags.Shared).WithCapacity(1 << 20).MapMut())
		closeLater(t, m)
		for _, n := range []int{101, 200, page, page + 1, 3*unit + 7, 1<<20 - 1} {
			was := m.Len()
			check(t, "resize", m.Resize(n))
			same(t, "new bytes", m.Bytes()[was:n], make([]byte, n-was))
			m.Bytes()[n-1] = 77
			if c := contents(t, f); len(c) < offset+n || c[offset+n-1] != 77 {
				t.Errorf("offset %d: after Resize(%d) the file has %d bytes", offset, n, len(c))
			}
			m.Bytes()[n-1] = 0
		}
		long := len(contents(t, f))
		check(t, "shrink", m.Resize(10))
		if now := len(contents(t, f)); now != long {
			t.Errorf("shrinking the mapping changed the file from %d to %d bytes", long, now)
		}
	}
}

// Up to Room a longer length is published without a system call, and every byte of it reaches the
// file.
func TestRoomOfAFileLiesInTheFile(t *testing.T) {
	deviant(t, partialLargePage)
	f := fileOf(t, pattern(100))
	m := must[*typedmem.Mapping](t)(options.New(100).WithFile(f, 0).WithFlags(flags.Shared).WithCapacity(1 << 20).MapMut())
	closeLater(t, m)
	l := mem.Of(m).Limits()
	end := m.Addr() + 100
	if l.Room() != end {
		t.Errorf("room for %d bytes in a file of 100", l.Room()-m.Addr())
	}
	if l.Extend(end, end+1) {
		t.Error("extended past the file")
	}
	check(t, "make room", mem.Of(m).MakeRoom(5000))
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
	f := fileOf(t, pattern(3*unit))
	readOnly := must[*os.File](t)(os.Open(f.Name()))
	defer readOnly.Close()
	for kind, terminal := range map[string]func() (*typedmem.Mapping, error){
		"read-only": options.New(unit).WithFile(readOnly, 0).WithFlags(flags.Shared).WithCapacity(8 * unit).Map,
		"private":   options.New(unit).WithFile(readOnly, 0).WithCapacity(8 * unit).MapMut,
	} {
		m := must[*typedmem.Mapping](t)(terminal())
		closeLater(t, m)
		check(t, kind, m.Resize(2*unit+5))
		same(t, kind, m.Bytes(), pattern(3 * unit)[:2*unit+5])
		wants(t, kind, m.Resize(3*unit+1), typedmem.ErrTruncated)
		if m.Len() != 2*unit+5 {
			t.Errorf("%s: %d bytes after a refusal", kind, m.Len())
		}
		check(t, kind, m.Resize(3*unit))
		same(t, kind, m.Bytes(), pattern(3*unit))
	}
	if n := len(contents(t, f)); n != 3*unit {
		t.Errorf("the file has %d bytes", n)
	}
}

// Without WithCapacity no handle of the file is kept: what shrank stays short, and nothing else
// ever appears there.
func TestFileMappingWithoutCapacityDoesNotGrow(t *testing.T) {
	f := fileOf(t, pattern(4*unit))
	m := must[*typedmem.Mapping](t)(options.New(4*unit).WithFile(f, 0).WithFlags(flags.Shared).MapMut())
	closeLater(t, m)
	wants(t, "longer", m.Resize(4*unit+1), typedmem.ErrCapacity)
	check(t, "shorter", m.Resize(unit+5))
	if m.Cap() != unit+5 {
		t.Errorf("Cap %d", m.Cap())
	}
	wants(t, "longer again", m.Resize(2*unit), typedmem.ErrCapacity)
	same(t, "contents", m.Bytes(), pattern(4 * unit)[:unit+5])
	same(t, "file", contents(t, f), pattern(4*unit))
}

// A merged mapping grows with what the right part brought: its capacity and its handle of the file.
func TestGrowthAfterMerge(t *testing.T) {
	f := fileOf(t, pattern(2*unit))
	space := must[*typedmem.Mapping](t)(options.New(16 * unit).ReserveNone())
	base := space.Addr()
	check(t, "close", space.Close())
	left, right, ok := neighbours(t,
		func(uintptr) options.Options { return options.New(unit).WithFile(f, 0).WithFlags(flags.Shared) },
		func(uintptr) options.Options {
			return options.New(unit).WithFile(f, int64(unit)).WithFlags(flags.Shared).WithCapacity(4 * unit)
		}, unit)
	if !ok {
		return
	}
	_ = base
	check(t, "merge", left.Merge(right))
	check(t, "resize", left.Resize(5*unit))
	left.Bytes()[5*unit-1] = 9
	if c := contents(t, f); len(c) < 5*unit || c[5*unit-1] != 9 {
		t.Errorf("the file has %d bytes", len(c))
	}
}

// A growth that fails after the file was made longer makes it short again.
func TestFailedGrowthPutsTheFileBack(t *testing.T) {
	f := fileOf(t, pattern(unit))
	m := must[*typedmem.Mapping](t)(options.New(unit).WithFile(f, 0).WithFlags(flags.Shared).WithCapacity(8 * unit).MapMut())
	closeLater(t, m)
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpMap {
			return errInjected
		}
		return nil
	})
	err := m.Resize(4 * unit)
	restore()
	wants(t, "resize", err, errInjected)
	if n := len(contents(t, f)); n != unit && emulator() != "Wine" { // Wine cuts no file that is mapped
		t.Errorf("the file has %d bytes, want %d", n, unit)
	}
	check(t, "resize", m.Resize(4*unit))
}

// A resize and appends from another goroutine: the length is always one that somebody asked for,
// and no append is undone by a growth.
func TestGrowthNeverUndoesAnExtension(t *testing.T) {
	for range 200 {
		m := must[*typedmem.Mapping](t)(options.New(1).WithCapacity(4 * unit).MapMut())
		check(t, "make room", mem.Of(m).MakeRoom(4*unit))
		l, first := mem.Of(m).Limits(), m.Addr()
		done := make(chan bool)
		go func() { done <- l.Extend(first+1, first+100) }()
		check(t, "resize", m.Resize(50))
		extended := <-done
		if n := m.Len(); n != 50 && !(extended && n == 100) {
			t.Fatalf("%d bytes, extended %v", n, extended)
		}
		if extended && m.Len() == 50 {
			continue // the extension came first, the resize shrank it
		}
		check(t, "close", m.Close())
	}
}

func TestReservedRangeIsNotResized(t *testing.T) {
	m := must[*typedmem.Mapping](t)(options.New(unit).WithCapacity(4 * unit).ReserveMut())
	closeLater(t, m)
	err := m.Resize(2 * unit)
	wants(t, "resize", err, typedmem.ErrOperation)
	if errors.Is(err, typedmem.ErrCapacity) {
		t.Error("two reasons")
	}
}

// What growth put behind the length of a file goes with Close; what was there before, and what the
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
			check(t, "room", mem.Of(m).MakeRoom(5000))
			return m
		}, 80},
		"somebody else": {80, 80, []int{88}, func(t *testing.T, m *typedmem.Mapping, f *os.File) *typedmem.Mapping {
			info, err := f.Stat()
			check(t, "stat", err)
			check(t, "truncate", f.Truncate(info.Size()+1))
			return m
		}, -1},
		"split off": {2 * unit, 2 * unit, []int{2*unit + 8}, func(t *testing.T, m *typedmem.Mapping, _ *os.File) *typedmem.Mapping {
			right := must[*typedmem.Mapping](t)(m.SplitOff(unit))
			check(t, "close", m.Close())
			return right
		}, 2*unit + 8},
		"split to": {2 * unit, 2 * unit, []int{2*unit + 8}, func(t *testing.T, m *typedmem.Mapping, _ *os.File) *typedmem.Mapping {
			check(t, "close", must[*typedmem.Mapping](t)(m.SplitTo(unit)).Close())
			return m
		}, 2*unit + 8},
		"split and merged": {2 * unit, 2 * unit, []int{2*unit + 8}, func(t *testing.T, m *typedmem.Mapping, _ *os.File) *typedmem.Mapping {
			check(t, "merge", m.Merge(must[*typedmem.Mapping](t)(m.SplitOff(unit))))
			check(t, "resize", m.Resize(2*unit+9))
			return m
		}, 2*unit + 9},
	} {
		t.Run(name, func(t *testing.T) {
			f := fileOf(t, pattern(c.before))
			m := must[*typedmem.Mapping](t)(options.New(c.size).WithFile(f, 0).WithCapacity(long).WithFlags(flags.Shared).MapMut())
			for _, n := range c.resize {
				check(t, "resize", m.Resize(n))
			}
			if c.then != nil {
				m = c.then(t, m, f)
			}
			info, err := f.Stat()
			check(t, "stat", err)
			want := int64(c.after)
			if want < 0 {
				want = info.Size()
			}
			check(t, "close", m.Close())
			info, err = f.Stat()
			check(t, "stat", err)
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
	deviant(t, partialLargePage)
	for name, f := range map[string]flags.Map{"private": 0, "shared": flags.Shared} {
		for _, capacity := range []int{1160, 1200} {
			file := fileOf(t, pattern(1200))
			m := must[*typedmem.Mapping](t)(options.New(1160).WithFile(file, 0).WithFlags(f).WithCapacity(capacity).MapMut())
			closeLater(t, m)
			check(t, "closing the file", file.Close())
			check(t, name+": shrinking", m.Resize(100))
			check(t, name+": growing", m.Resize(capacity))
			same(t, name, m.Bytes(), pattern(capacity))
			wants(t, name+": past the capacity", m.Resize(m.Cap()+1), typedmem.ErrCapacity)
		}
	}
}
