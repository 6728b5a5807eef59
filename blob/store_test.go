package blob_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// Blobs of every length near the limits of words and pieces, and large ones, are read as they were
// appended, whole and in order.
func TestBlobsAreReadAsTheyWereAppended(t *testing.T) {
	everyKind(t, func(t *testing.T, s *blob.Store) {
		var lengths []int
		for n := range 40 {
			lengths = append(lengths, n)
		}
		lengths = append(lengths, 255, 256, 257, 511, 512, 513, 65535, 65536, 65537, 1<<20-1, 1<<20, 3<<20+5)
		var refs []blob.Ref
		for i, n := range lengths {
			b := filled(n, 0)
			add := s.Append
			if i%2 == 0 {
				add = func(b []byte) (blob.Ref, error) { return s.AppendString(string(b)) }
			}
			r := testkit.Must(add(b))(t)
			clear(b) // the store has a copy
			refs = append(refs, r)
		}
		if refs[0] != 0 {
			t.Fatalf("the empty blob is %v", refs[0])
		}
		for i, n := range lengths {
			holds(t, s, refs[i], filled(n, 0))
		}
		if got := refsOf(s); !slices.Equal(got, refs[1:]) {
			t.Fatalf("All yields %v, want %v", got, refs[1:])
		}
		for r, v := range s.All() {
			holds(t, s, r, copied(v))
			testkit.Is(t, v.Store(0, 1), typedmem.ErrProtection)
			break
		}
		testkit.Check(t, s.Check())
		size := 16
		for _, n := range lengths[1:] {
			size += 8 + (n+7)/8*8
		}
		if s.Size() != size {
			t.Fatalf("%d bytes, want %d", s.Size(), size)
		}
	})
}

// The bytes may be those of the store itself, which moves nothing.
func TestAppendOfItsOwnBytes(t *testing.T) {
	everyKind(t, func(t *testing.T, s *blob.Store) {
		r := testkit.Must(s.AppendString("once"))(t)
		for range 1000 {
			v := testkit.Must(s.View(r))(t)
			r = testkit.Must(s.Append(v.Slice()))(t)
		}
		holds(t, s, r, []byte("once"))
	})
}

// A Ref of another store with the same blobs, a made-up one, and one inside a blob name nothing.
func TestRefsThatNameNothing(t *testing.T) {
	everyKind(t, func(t *testing.T, s *blob.Store) {
		other := testkit.Must(blob.New())(t)
		testkit.CloseLater(t, other)
		mine := map[blob.Ref]bool{0: true}
		for i := range 200 {
			b := filled(i%50+1, i)
			mine[testkit.Must(s.Append(b))(t)] = true
			foreign := testkit.Must(other.Append(b))(t)
			refused(t, s, foreign, blob.ErrNoBlob)
		}
		r := rand.New(rand.NewPCG(1, 2))
		for range 20_000 {
			x := blob.Ref(r.Uint64())
			switch r.IntN(3) {
			case 0: // a place within the store
				x = x&^(1<<36-1) | x%blob.Ref(s.Size()/8+2)
			case 1: // another mark
				for own := range mine {
					x = own ^ 1<<(36+r.IntN(28))
					break
				}
			}
			if !mine[x] {
				refused(t, s, x, blob.ErrNoBlob, typedmem.ErrCorrupt)
			}
		}
		for own := range mine {
			if own != 0 {
				refused(t, s, own+1, blob.ErrNoBlob)
				refused(t, s, own-1, blob.ErrNoBlob)
			}
		}
	})
}

// What was lost in a crash stays lost when the next writer puts a blob of the same length there.
func TestALostRefNeverNamesItsSuccessor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	s := testkit.Must(blob.Create(path))(t)
	kept := testkit.Must(s.AppendString("kept"))(t)
	testkit.Check(t, s.Close())
	before := testkit.Must(os.ReadFile(path))(t)
	s = testkit.Must(blob.OpenMut(path))(t)
	lost := testkit.Must(s.AppendString("MSFT"))(t)
	testkit.Check(t, s.Close())
	testkit.Check(t, os.WriteFile(path, before, 0o666))
	s = testkit.Must(blob.OpenMut(path))(t)
	testkit.CloseLater(t, s)
	refused(t, s, lost, blob.ErrNoBlob)
	next := testkit.Must(s.AppendString("IBM."))(t)
	refused(t, s, lost, blob.ErrNoBlob)
	holds(t, s, kept, []byte("kept"))
	holds(t, s, next, []byte("IBM."))
}

// Refs hold in later runs, for readers and writers, and in a Snapshot.
func TestRefsHoldInLaterRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	want := map[blob.Ref][]byte{}
	for run := range 5 {
		s := testkit.Must(blob.OpenFile(path, blob.FileOptions{Write: true, Create: true}))(t)
		for i := range 20 {
			b := filled(i*run+1, run)
			want[testkit.Must(s.Append(b))(t)] = b
		}
		copied := filepath.Join(t.TempDir(), "copy")
		testkit.Check(t, s.Snapshot(copied))
		testkit.Check(t, s.Close())
		for _, name := range []string{path, copied} {
			reader := testkit.Must(blob.Open(name))(t)
			if n := len(refsOf(reader)); n != len(want) {
				t.Fatalf("%d blobs, want %d", n, len(want))
			}
			for r, b := range want {
				holds(t, reader, r, b)
			}
			_, err := reader.AppendString("x")
			testkit.Wants(t, "Append of a reader", err, typedmem.ErrProtection, name)
			testkit.Check(t, reader.Close())
		}
	}
}

// A reader knows what it has refreshed, from an empty file on.
func TestAReaderFollowsTheWriter(t *testing.T) {
	testenv.PartialPages(t)
	path := filepath.Join(t.TempDir(), "b")
	testkit.Check(t, testkit.Must(region.Create[byte](path, 0))(t).Close()) // as if Create had been killed
	reader := testkit.Must(blob.Open(path))(t)
	testkit.CloseLater(t, reader)
	refused(t, reader, 1<<40+2, blob.ErrNoBlob)
	testkit.Check(t, reader.Refresh())
	s := testkit.Must(blob.OpenMut(path))(t)
	testkit.CloseLater(t, s)
	for i := range 300 {
		b := filled(i*40+1, 0)
		r := testkit.Must(s.Append(b))(t)
		refused(t, reader, r, blob.ErrNoBlob)
		testkit.Check(t, reader.Refresh())
		holds(t, reader, r, b)
	}
	testkit.Check(t, reader.Check())
}

// Files that hold something else are refused, and stay as they were.
func TestFilesThatAreNoStore(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	bytes := testkit.Must(region.Create[byte](path("bytes"), 0))(t)
	testkit.Check(t, bytes.Append([]byte("the bytes of some program, and more")...))
	testkit.Check(t, bytes.Close())
	short := testkit.Must(region.Create[byte](path("short"), 0))(t)
	testkit.Check(t, short.Append([]byte("\x89TMBLOB\n")...))
	testkit.Check(t, short.Close())
	for name, tail := range map[string]string{"no key": "\x00\x00\x00\x00\x00\x00\x00\x00", "odd": "12345678 "} {
		r := testkit.Must(region.Create[byte](path(name), 0))(t)
		testkit.Check(t, r.Append([]byte("\x89TMBLOB\n"+tail)...))
		testkit.Check(t, r.Close())
	}
	testkit.Check(t, testkit.Must(region.OpenFile[byte](path("rows"), region.FileOptions{Write: true, Create: true, Width: 2}))(t).Close())
	testkit.Check(t, testkit.Must(region.Create[uint64](path("numbers"), 4))(t).Close())
	testkit.Check(t, testkit.Must(slab.Create[uint64](path("slab"), 4))(t).Close())
	testkit.Check(t, os.WriteFile(path("text"), make([]byte, 1<<17), 0o666))
	for name, want := range map[string]error{
		"bytes": typedmem.ErrLayout, "short": typedmem.ErrLayout, "rows": typedmem.ErrLayout, "numbers": typedmem.ErrLayout,
		"slab": typedmem.ErrLayout, "text": typedmem.ErrCorrupt, "no key": typedmem.ErrCorrupt, "odd": typedmem.ErrCorrupt, "none": fs.ErrNotExist,
	} {
		same := func() {}
		if name != "none" {
			same = unchanged(t, path(name))
		}
		for what, open := range map[string]func(string) (*blob.Store, error){
			"Open": blob.Open, "OpenMut": blob.OpenMut,
			"OpenFile": func(p string) (*blob.Store, error) {
				return blob.OpenFile(p, blob.FileOptions{Write: true, Create: name != "none"})
			},
		} {
			_, err := open(path(name))
			testkit.Wants(t, what+" "+name, err, want, path(name))
			same()
		}
	}
	_, err := blob.Create(path("text"))
	testkit.Wants(t, "Create", err, fs.ErrExist, path("text"))
	_, err = blob.OpenFile(path("new"), blob.FileOptions{Create: true})
	testkit.Wants(t, "Create without Write", err, typedmem.ErrOperation, path("new"))
	_, err = blob.OpenFile(path("new"), blob.FileOptions{Write: true, Create: true, Flags: flags.HugePages})
	testkit.Wants(t, "HugePages", err, typedmem.ErrOperation, path("new"))
	_, err = blob.OpenFile(path("new"), blob.FileOptions{Write: true, Create: true, Capacity: -1})
	testkit.Wants(t, "Capacity", err, typedmem.ErrSize, path("new"))
	if _, err := os.Lstat(path("new")); err == nil {
		t.Fatal("a refused call has made a file")
	}
}

// A file has one writer.
func TestOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	s := testkit.Must(blob.Create(path))(t)
	testkit.CloseLater(t, s)
	_, err := blob.OpenMut(path)
	testkit.Wants(t, "OpenMut", err, typedmem.ErrBusy, path)
	_, err = blob.Create(path)
	testkit.Wants(t, "Create", err, fs.ErrExist, path)
}

// Past its addresses a store refuses a blob, and keeps those that it has.
func TestACapacityIsRespected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	s := testkit.Must(blob.OpenFile(path, blob.FileOptions{Write: true, Create: true, Capacity: 1 << 16, Perm: 0o600}))(t)
	testkit.CloseLater(t, s)
	r := testkit.Must(s.AppendString("first"))(t)
	_, err := s.Append(make([]byte, 1<<20))
	testkit.Wants(t, "Append", err, typedmem.ErrCapacity, path)
	next := testkit.Must(s.AppendString("next"))(t)
	holds(t, s, r, []byte("first"))
	holds(t, s, next, []byte("next"))
	if info := testkit.Must(os.Stat(path))(t); runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Fatalf("the permissions are %v", info.Mode())
	}
}

// After Close every call returns ErrClosed, and views are refused.
func TestAClosedStore(t *testing.T) {
	everyKind(t, func(t *testing.T, s *blob.Store) {
		r := testkit.Must(s.AppendString("x"))(t)
		v := testkit.Must(s.View(r))(t)
		table := testkit.Must(blob.NewTable(s))(t)
		unpin := testkit.Must(s.Pin())(t)
		testkit.Wants(t, "Close", s.Close(), typedmem.ErrBusy)
		holds(t, s, r, []byte("x"))
		unpin()
		testkit.Check(t, s.Shutdown(t.Context()))
		for _, ref := range []blob.Ref{0, r, 1<<40 + 2} {
			refused(t, s, ref, typedmem.ErrClosed)
		}
		_, err := v.Load(0)
		testkit.Wants(t, "the view", err, typedmem.ErrClosed)
		_, empty := s.AppendString("")
		_, full := s.AppendString("y")
		_, again := blob.NewTable(s)
		_, interned := table.InternString("z")
		for what, err := range map[string]error{
			"Append of nothing": empty, "Append": full, "Sync": s.Sync(), "Refresh": s.Refresh(), "Check": s.Check(), "Close": s.Close(),
			"SyncBefore": s.SyncBefore(), "Snapshot": s.Snapshot(filepath.Join(t.TempDir(), "x")), "NewTable": again, "Intern": interned,
		} {
			testkit.Wants(t, what, err, typedmem.ErrClosed)
		}
		testkit.Is(t, testkit.Caught(t, func() { refsOf(s) }), typedmem.ErrClosed)
		if _, ok := table.LookupString("x"); ok || s.Size() != 0 || fmt.Sprint(s) != "blob.Store(closed)" {
			t.Fatalf("%v, %d bytes, found %v", s, s.Size(), ok)
		}
	})
}

// Every method of a zero value or nil pointer keeps the rule in the documentation of typedmem.
func TestZeroValuesKeepTheRule(t *testing.T) {
	for _, c := range []struct {
		value any
		want  error
	}{
		{new(blob.Store), typedmem.ErrClosed},
		{(*blob.Store)(nil), nil},
		{new(blob.Table), typedmem.ErrClosed},
		{(*blob.Table)(nil), nil},
		{blob.Ref(0), nil},
	} {
		testenv.CheckZero(t, c.value, c.want)
	}
}

// Reading, looking up and appending where there is room allocate nothing.
func TestNothingAllocates(t *testing.T) {
	testenv.Allocations(t)
	everyKind(t, func(t *testing.T, s *blob.Store) {
		long := string(filled(5000, 0))
		r := testkit.Must(s.AppendString(long))(t)
		table := testkit.Must(blob.NewTable(s))(t)
		buf, b := make([]byte, 0, 1<<16), []byte(long)
		for name, f := range map[string]func(){
			"View":         func() { _, _ = s.View(r) },
			"AppendTo":     func() { _, _ = s.AppendTo(buf, r) },
			"Equal":        func() { s.Equal(r, long) },
			"Append":       func() { _, _ = s.Append(b) },
			"AppendString": func() { _, _ = s.AppendString(long) },
			"Lookup":       func() { table.Lookup(b) },
			"LookupString": func() { table.LookupString(long) },
			"Intern":       func() { _, _ = table.Intern(b) },
			"InternString": func() { _, _ = table.InternString(long) },
		} {
			testkit.AllocatesNothing(t, name, 100, f)
		}
		short := testkit.Must(s.AppendString("short"))(t)
		if n := testing.AllocsPerRun(100, func() { _, _ = s.Text(short) }); n > 1 {
			t.Errorf("Text: %v allocations", n)
		}
	})
}

func TestStoresPrintTheirState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	s := testkit.Must(blob.Create(path))(t)
	testkit.CloseLater(t, s)
	r := testkit.Must(s.AppendString("secret"))(t)
	table := testkit.Must(blob.NewTable(s))(t)
	for want, got := range map[string]string{
		fmt.Sprintf("blob.Store(32 bytes, file %q)", path):                        fmt.Sprintf("%v", s),
		fmt.Sprintf("blob.Table(1 blobs of blob.Store(32 bytes, file %q))", path): fmt.Sprintf("%+v", table),
		fmt.Sprintf("%016x", uint64(r)):                                           r.String(),
		"blob.Store(nil)":                                                         fmt.Sprint((*blob.Store)(nil)),
		"blob.Table(nil) blob.Table(closed)":                                      fmt.Sprint((*blob.Table)(nil), " ", new(blob.Table)),
		fmt.Sprintf("%q", fmt.Sprintf("blob.Store(32 bytes, file %q)", path)):     fmt.Sprintf("%q", s),
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The list of mappings says what a store is.
func TestMappingsNamesStores(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b.tm")
	s := testkit.Must(blob.OpenFile(path, blob.FileOptions{Write: true, Create: true}))(t)
	check := func(when string) {
		t.Helper()
		for _, info := range typedmem.Mappings() {
			if info.Kind == "blob store" && info.Type == "" && info.File == path {
				return
			}
		}
		t.Errorf("%s: %+v", when, typedmem.Mappings())
	}
	check("created")
	for range 20_000 {
		testkit.Must(s.Append(make([]byte, 100)))(t)
	}
	check("grown")
	testkit.Wants(t, "Close", s.Close(), nil)
	s = testkit.Must(blob.Open(path))(t)
	defer s.Close()
	check("open for reading")
}

// Append and Intern run beside Close and Shutdown.
func TestAppendBesideCloseReturnsAnError(t *testing.T) {
	big := make([]byte, 4<<10)
	for round := range 20 {
		for kind, s := range map[string]*blob.Store{
			"memory": testkit.Must(blob.New())(t),
			"file":   testkit.Must(blob.Create(filepath.Join(t.TempDir(), "b.tm")))(t),
		} {
			table := testkit.Must(blob.NewTable(s))(t)
			ended := make(chan error, 2)
			go func() {
				for {
					if _, err := s.Append(big); err != nil {
						ended <- err
						return
					}
				}
			}()
			go func() {
				for i := 0; ; i++ {
					if _, err := table.InternString(fmt.Sprint(i)); err != nil {
						ended <- err
						return
					}
				}
			}()
			time.Sleep(time.Duration(round%10) * 50 * time.Microsecond)
			err := typedmem.ErrBusy
			if round%2 == 0 {
				err = s.Close()
			}
			if errors.Is(err, typedmem.ErrBusy) {
				err = s.Shutdown(t.Context())
			}
			testkit.Check(t, err, kind)
			for range 2 {
				testkit.Wants(t, kind, <-ended, typedmem.ErrClosed)
			}
		}
	}
}
