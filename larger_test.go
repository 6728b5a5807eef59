package typedmem_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// onFile maps the first unit of a file of 64 units.
func onFile(t *testing.T, f flags.Map) *typedmem.Mapping {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	testkit.Check(t, os.WriteFile(path, pattern(64*unit), 0o666), "write")
	file := testkit.Must(os.OpenFile(path, os.O_RDWR, 0))(t)
	m := testkit.Must(options.New(unit).WithCapacity(2*unit).WithFile(file, 0).WithFlags(flags.Shared | f).Map())(t)
	testkit.Check(t, file.Close(), "close of the file") // the mapping keeps what it needs
	testkit.CloseLater(t, m)
	return m
}

// Addresses of closed mappings, which wait for the collector, do not prevent a larger mapping.
func TestALargerMappingHasAddressesCollected(t *testing.T) {
	if strconv.IntSize == 32 || runtime.GOOS == "windows" || race.Enabled {
		t.Skip("half of the address space cannot be had here: 32 bits, Windows or the race detector")
	}
	testenv.Differs(t, map[string]string{"qemu-user": "it keeps a table of all pages, for which these are too many"})
	defer typedmem.CollectNothing()()
	m := onFile(t, 0)
	for range 4 {
		part, err := options.New(int(sys.AddressSpace() / 8)).WithFlags(flags.NoReserve).MapNone()
		if err != nil {
			t.Skip("the system does not give so many addresses: ", err)
		}
		testkit.Check(t, part.Close(), "Close")
	}
	testkit.CloseLater(t, larger(t)(mem.Of(m).Larger(2*unit)))
}

// A larger mapping shows the file from the same offset on, as the first one is at that moment,
// which stays.
func TestALargerMappingIsAsTheFirstOne(t *testing.T) {
	if strconv.IntSize == 32 {
		t.Skip("a 32-bit address space may not have the room that it asks for")
	}
	m := onFile(t, flags.Sequential)
	unpin := testkit.Must(m.Pin())(t)
	for _, n := range []int{3 * unit, unit, 64*unit - 5} {
		large := larger(t)(mem.Of(m).Larger(n))
		testkit.CloseLater(t, large)
		if large.Len() != n || large.Cap() < max(2*n, 1<<20) || large.Cap() > max(2*n, 1<<20)+2*unit || large.Addr() == m.Addr() ||
			large.Protection() != flags.Read || !large.Shared() || large.File() != m.File() {
			t.Fatal(large, large.Cap())
		}
		same(t, "the larger one", large.Bytes(), pattern(64 * unit)[:n])
		same(t, "the first one", m.Bytes(), pattern(unit))
	}
	testkit.Wants(t, "Close of a pinned one", m.Close(), typedmem.ErrBusy)
	unpin()
	testkit.Check(t, m.MakeMut(), "MakeMut")
	large := larger(t)(mem.Of(m).Larger(2 * unit))
	large.Bytes()[unit-1] = 7
	if m.Bytes()[unit-1] != 7 || large.Protection() != flags.Read|flags.Write {
		t.Error("it shows another page", large.Protection())
	}
	_, err := mem.Of(m).Larger(65 * unit)
	testkit.Wants(t, "past the end of the file", err, typedmem.ErrTruncated)
	_, err = mem.Of(m).Larger(math.MaxInt / 4)
	testkit.Wants(t, "more than there is", err, typedmem.ErrCapacity)
	testkit.Check(t, m.Close(), "Close")
	_, err = mem.Of(m).Larger(2 * unit)
	testkit.Wants(t, "of a closed one", err, typedmem.ErrClosed)
	testkit.Check(t, large.Close(), "Close")
}

// Mappings that are closed together are closed or stay open together.
func TestClosingTogether(t *testing.T) {
	three := func() (list []*typedmem.Mapping) {
		for range 3 {
			list = append(list, mapMut(t, options.New(unit)))
		}
		return list
	}
	open := func(list []*typedmem.Mapping) (n int) {
		for _, m := range list {
			if m.Committed() {
				n++
			}
		}
		return n
	}
	list := three()
	testkit.Check(t, closeAll(list), "CloseAll")
	if open(list) != 0 {
		t.Error("some are open")
	}
	testkit.Wants(t, "CloseAll again", closeAll(list), typedmem.ErrClosed)
	for i := range 3 {
		list := three()
		unpin := testkit.Must(list[i].Pin())(t)
		testkit.Wants(t, "CloseAll beside a pin", closeAll(list), typedmem.ErrBusy)
		if open(list) != 3 {
			t.Errorf("with a pin of number %d %d are open", i, open(list))
		}
		unpin()
		testkit.Check(t, list[i].Close(), "Close")
		want := error(nil)
		if i == 2 {
			want = typedmem.ErrClosed
		}
		if err := closeAll(list); !errors.Is(err, want) || open(list) != 0 {
			t.Errorf("number %d was closed: %v, %d are open", i, err, open(list))
		}
	}
	// What the system refuses stays open, and can be closed later.
	list = three()
	refusal := errors.New("the system refuses")
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpHold && c.Addr == list[2].Addr() {
			return refusal
		}
		return nil
	})
	err := closeAll(list)
	restore()
	testkit.Wants(t, "CloseAll that the system refuses", err, refusal)
	list[2].Bytes()[0] = 1
	testkit.Check(t, closeAll(list), "CloseAll")
}
