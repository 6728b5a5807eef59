package slab_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// fileOf makes a slab file with n objects of 3*n slots, every third of them freed again, and
// returns its objects.
func fileOf(t testing.TB, path string, n int) map[slab.Handle[rec]]rec {
	t.Helper()
	s := testkit.Must(slab.Create[rec](path, 3*n))(t)
	live := map[slab.Handle[rec]]rec{}
	for i := range n {
		x := rec{uint64(i), float64(i)}
		h := testkit.Must(s.Insert(x))(t)
		if i%3 != 0 {
			live[h] = x
		} else if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return live
}

func holds(t testing.TB, s *slab.Slab[rec], want map[slab.Handle[rec]]rec) {
	t.Helper()
	if s.Len() != len(want) {
		t.Fatalf("Len %d, want %d", s.Len(), len(want))
	}
	for h, p := range s.All() {
		if x, ok := want[h]; !ok || x != *p {
			t.Fatalf("All yields %x with %v, want %v", h.Uint64(), *p, x)
		}
	}
	for h, x := range want {
		if got := testkit.Must(s.Load(h))(t); got != x {
			t.Fatalf("object %x is %v, want %v", h.Uint64(), got, x)
		}
	}
}

func TestReopenFindsEveryObject(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	live := fileOf(t, path, 1000)
	for round := range 5 {
		ro := testkit.Must(slab.Open[rec](path))(t)
		holds(t, ro, live)
		if err := ro.Close(); err != nil {
			t.Fatal(err)
		}
		s := testkit.Must(slab.OpenMut[rec](path))(t)
		holds(t, s, live)
		if s.Cap() != 3000 {
			t.Fatalf("Cap %d", s.Cap())
		}
		c := s.Cache()
		for i := range 300 {
			x := rec{uint64(i), float64(round)}
			h := testkit.Must(c.Insert(x))(t)
			if _, twice := live[h]; twice {
				t.Fatalf("handle %x twice", h.Uint64())
			}
			live[h] = x
		}
		for h := range live {
			if len(live) <= 800 {
				break
			}
			if err := c.Free(h); err != nil {
				t.Fatal(err)
			}
			delete(live, h)
		}
		for h := range live {
			live[h] = rec{1, 2}
			if err := s.Store(h, live[h]); err != nil {
				t.Fatal(err)
			}
			break
		}
		if round%2 == 0 {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStaleHandlesStayStaleAfterReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := testkit.Must(slab.Create[rec](path, 50))(t)
	stale := map[slab.Handle[rec]]bool{}
	for range 20 {
		for range 50 {
			h, err := s.Alloc()
			if err != nil {
				t.Fatal(err)
			}
			if stale[h] {
				t.Fatalf("handle %x twice", h.Uint64())
			}
			stale[h] = true
			if err := s.Free(h); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = testkit.Must(slab.OpenMut[rec](path))(t)
		for h := range stale {
			refused(t, s, h)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAFileIsFullAtItsCapacity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := testkit.Must(slab.Create[rec](path, 100))(t)
	var all []slab.Handle[rec]
	for range 3 {
		for i := range 100 {
			h, err := s.Alloc()
			if err != nil {
				t.Fatalf("object %d: %v", i, err)
			}
			all = append(all, h)
		}
		_, err := s.Alloc()
		testkit.Is(t, err, slab.ErrFull)
		for _, h := range all {
			if err := s.Free(h); err != nil {
				t.Fatal(err)
			}
		}
		all = nil
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReadersFollowTheWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := testkit.Must(slab.Create[rec](path, 1<<16))(t)
	defer s.Close()
	ro := testkit.Must(slab.Open[rec](path))(t)
	defer ro.Close()
	var last slab.Handle[rec]
	for i := range 1 << 16 {
		last = testkit.Must(s.Insert(rec{uint64(i), 0}))(t)
		if i%777 == 0 {
			if x := testkit.Must(ro.Load(last))(t); x.A != uint64(i) {
				t.Fatalf("object %d is %v", i, x)
			}
		}
	}
	if ro.Len() != 1<<16 {
		t.Fatalf("Len %d", ro.Len())
	}
	if err := s.Free(last); err != nil {
		t.Fatal(err)
	}
	refusedRead(t, ro, last)
	_, err := ro.Alloc()
	testkit.Is(t, err, typedmem.ErrProtection)
	for h := range ro.All() {
		testkit.Is(t, ro.Store(h, rec{}), typedmem.ErrProtection)
		testkit.Is(t, ro.Free(h), typedmem.ErrProtection)
		break
	}
	_, err = slab.OpenMut[rec](path)
	testkit.Is(t, err, typedmem.ErrBusy)
}

func refusedRead(t testing.TB, s *slab.Slab[rec], h slab.Handle[rec]) {
	t.Helper()
	_, err := s.Load(h)
	testkit.Is(t, err, slab.ErrStale)
	_, err = s.Ptr(h)
	testkit.Is(t, err, slab.ErrStale)
	if s.Has(h) {
		t.Fatal("Has")
	}
}

func TestFilesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good")
	fileOf(t, good, 1000)
	image := testkit.Must(os.ReadFile(good))(t)
	_, err := slab.Create[rec](good, 10)
	testkit.Is(t, err, fs.ErrExist)
	_, err = slab.Open[struct{ A, B uint64 }](good)
	testkit.Is(t, err, typedmem.ErrLayout)
	_, err = region.Open[rec](good)
	testkit.Is(t, err, typedmem.ErrLayout)
	r := testkit.Must(region.Create[rec](filepath.Join(dir, "region"), 3))(t)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = slab.OpenMut[rec](filepath.Join(dir, "region"))
	testkit.Is(t, err, typedmem.ErrLayout)
	_, err = slab.Open[rec](filepath.Join(dir, "none"))
	testkit.Is(t, err, fs.ErrNotExist)
	_, err = slab.Open[rec](dir)
	testkit.Is(t, err, typedmem.ErrOperation)

	// What open returns for an image, and that it leaves the file alone.
	tries := 0
	open := func(image []byte) error {
		t.Helper()
		tries++
		path := filepath.Join(dir, "try")
		if err := os.WriteFile(path, image, 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := slab.OpenMut[rec](path)
		if err == nil {
			for h := range s.All() {
				testkit.Must(s.Load(h))(t)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return nil
		}
		if !bytes.Equal(testkit.Must(os.ReadFile(path))(t), image) {
			t.Fatalf("%v, and the file has changed", err)
		}
		if _, roErr := slab.Open[rec](path); roErr == nil {
			t.Fatalf("OpenMut: %v; Open succeeds", err)
		}
		return err
	}
	for _, n := range []int{0, 1, 8, 100, 4096, 65535, 65536, 70000, 131071, 131072, len(image) / 2, len(image) - os.Getpagesize()} { // the rest of the last page holds nothing
		if err := open(image[:n]); !errors.Is(err, typedmem.ErrTruncated) {
			t.Fatalf("%d bytes of %d: %v", n, len(image), err)
		}
	}
	for i := range 300 {
		word := 65536 + 8*i
		for _, bit := range []int{1, 31, 33, 40, 63} {
			bad := bytes.Clone(image)
			bad[word+bit/8] ^= 1 << (bit % 8)
			if err := open(bad); !errors.Is(err, typedmem.ErrCorrupt) {
				t.Fatalf("bit %d of word %d: %v", bit, i, err)
			}
		}
		if i > 10 {
			break
		}
	}
	r2 := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		bad := bytes.Clone(image)
		for range 1 + r2.IntN(40) {
			bad[r2.IntN(80000)] = byte(r2.Uint32())
		}
		if err := open(bad); err != nil && !errors.Is(err, typedmem.ErrCorrupt) && !errors.Is(err, typedmem.ErrLayout) {
			t.Fatal(err)
		}
	}
	// A header that is right in itself and lies about the rest.
	for _, lie := range []struct {
		at    int
		value uint64
		want  error
	}{
		{64, 3001, typedmem.ErrCorrupt}, {80, 0, typedmem.ErrCorrupt}, {80, 1 << 40, typedmem.ErrCorrupt},
		{64, 1 << 60, nil}, {80, 1 << 30, nil}, {88, 12345, typedmem.ErrCorrupt},
	} {
		bad := bytes.Clone(image)
		clear(bad[32<<10 : 32<<10+56])
		for _, at := range []int{0, 16 << 10} {
			binary.LittleEndian.PutUint64(bad[at+lie.at:], lie.value)
			reseal(bad[at:])
		}
		if err := open(bad); err == nil || lie.want != nil && !errors.Is(err, lie.want) {
			t.Fatalf("%d at byte %d: %v", lie.value, lie.at, err)
		}
	}
}

func TestFailedConstructorsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	for _, n := range []int{0, -1} {
		_, err := slab.Create[rec](filepath.Join(dir, "s"), n)
		testkit.Is(t, err, typedmem.ErrSize)
	}
	entries := testkit.Must(os.ReadDir(dir))(t)
	if len(entries) != 0 {
		t.Fatalf("%v is left", entries)
	}
}

func TestASlabFileNoticesItsMapping(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := testkit.Must(slab.Create[rec](path, 1000))(t)
	c := s.Cache()
	h := testkit.Must(c.Insert(rec{1, 1}))(t)
	if err := s.Mapping().MakeReadOnly(); err != nil {
		t.Fatal(err)
	}
	testkit.Is(t, s.Store(h, rec{}), typedmem.ErrProtection)
	_, err := s.Alloc()
	testkit.Is(t, err, typedmem.ErrProtection)
	_, err = c.Alloc()
	testkit.Is(t, err, typedmem.ErrProtection)
	if err := s.Mapping().MakeMut(); err != nil {
		t.Fatal(err)
	}
	if err := s.Mapping().Close(); err != nil {
		t.Fatal(err)
	}
	closed(t, s, c, h)
	testkit.Is(t, s.Close(), typedmem.ErrClosed)
	s = testkit.Must(slab.OpenMut[rec](path))(t)
	holds(t, s, map[slab.Handle[rec]]rec{h: {1, 1}})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	testkit.Is(t, s.Close(), typedmem.ErrClosed)
}

// Every writing method of a slab that was opened for reading says how to open it for writing.
func TestAReaderIsToldToOpenMut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	w := testkit.Must(slab.Create[rec](path, 100))(t)
	h := testkit.Must(w.Alloc())(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s := testkit.Must(slab.Open[rec](path))(t)
	defer s.Close()
	_, errAlloc := s.Alloc()
	_, errCache := s.Cache().Insert(rec{})
	_, errTrim := s.Trim()
	for name, err := range map[string]error{"Store": s.Store(h, rec{}), "Free": s.Free(h), "Alloc": errAlloc, "Insert of a Cache": errCache, "Trim": errTrim} {
		testkit.Is(t, err, typedmem.ErrProtection)
		if !strings.Contains(err.Error(), "the file was opened for reading; use OpenMut") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// reseal puts the right checksum into a header copy.
func reseal(b []byte) {
	n := 112 + int(binary.LittleEndian.Uint32(b[104:]))
	binary.LittleEndian.PutUint32(b[20:], crc32.Update(crc32.ChecksumIEEE(b[:20]), crc32.IEEETable, b[24:n]))
}

// A slab file whose mapping was cut, and a part of it closed, is closed like any other, and its
// objects are all there when it is opened again.
func TestASlabFileWhoseMappingWasCutCloses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := testkit.Must(slab.Create[rec](path, 1<<14))(t)
	var all []slab.Handle[rec]
	for i := range 1 << 13 {
		all = append(all, testkit.Must(s.Insert(rec{A: uint64(i)}))(t))
	}
	left, err := s.Mapping().SplitTo(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	flushed := false
	restore := sys.Interpose(func(c sys.Call) error {
		flushed = flushed || c.Op == sys.OpFlush && c.Addr == left.Addr() && c.Len == left.Len()
		return nil
	})
	err = s.Sync()
	restore()
	if err != nil || !flushed {
		t.Errorf("Sync: %v; it flushed the left part: %v", err, flushed)
	}
	if err := errors.Join(s.Mapping().Close(), left.Close()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil && !errors.Is(err, typedmem.ErrClosed) {
		t.Fatal(err)
	}
	s = testkit.Must(slab.OpenMut[rec](path))(t) // nothing holds the lock
	defer s.Close()
	for i, h := range all {
		if x := testkit.Must(s.Load(h))(t); x.A != uint64(i) {
			t.Fatalf("object %d is %d", i, x.A)
		}
	}
}

// A file whose words all lie in the page that is mapped goes on growing after it was opened again.
func TestASmallFileIsFilledAfterReopening(t *testing.T) {
	type object [4104]byte
	path := filepath.Join(t.TempDir(), "slab")
	s := testkit.Must(slab.Create[object](path, 400))(t)
	for i := range 75 {
		testkit.Must(s.Insert(object{byte(i)}))(t)
	}
	testkit.Is(t, s.Close(), nil)
	s = testkit.Must(slab.OpenMut[object](path))(t)
	for i := range 325 {
		testkit.Must(s.Insert(object{byte(i)}))(t)
	}
	_, err := s.Insert(object{})
	testkit.Is(t, err, slab.ErrFull)
	testkit.Is(t, s.Close(), nil)
	s = testkit.Must(slab.Open[object](path))(t)
	defer s.Close()
	if s.Len() != 400 {
		t.Fatalf("%d objects", s.Len())
	}
}
