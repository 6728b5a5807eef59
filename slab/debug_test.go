package slab_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/slab"
)

func carefulSlab(t *testing.T, capacity int, c slab.Config) *slab.Slab[rec] {
	s, err := slab.With[rec](capacity, c)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no guard slots on this system: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, typedmem.ErrClosed) {
			t.Error(err)
		}
	})
	return s
}

//go:noinline
func allocateHere(s *slab.Slab[rec]) (slab.Handle[rec], error) { return s.Alloc() }

//go:noinline
func freeHere(s *slab.Slab[rec], h slab.Handle[rec]) error { return s.Free(h) }

func TestDebugFindsAWriteAfterFree(t *testing.T) {
	for _, cached := range []bool{false, true} {
		s := carefulSlab(t, 4, slab.Config{Debug: true})
		h := testkit.Must(allocateHere(s))(t)
		p := testkit.Must(s.Ptr(h))(t)
		if err := freeHere(s, h); err != nil {
			t.Fatal(err)
		}
		p.B = 1
		alloc := s.Alloc
		if cached {
			alloc = s.Cache().Alloc
		}
		var found *slab.MisuseError
		for range 4 {
			if _, err := alloc(); err != nil && !errors.As(err, &found) {
				t.Fatal(err)
			}
		}
		if found == nil || found.Handle != h.Uint64() || found.Offset != 8+0 && found.Offset != 8+1 ||
			!strings.Contains(found.Alloc, "allocateHere") || !strings.Contains(found.Free, "freeHere") {
			t.Fatalf("%v", found)
		}
		testkit.Is(t, found, typedmem.ErrCorrupt)
		if st := s.Stats(); st.Retired != 1 || st.Live != 3 || st.Allocs != 4 || st.Frees != 1 {
			t.Fatalf("%+v", st)
		}
	}
}

// A write through a Ptr that was kept is found in a slab file too, be the object made in this
// process or there before.
func TestDebugFindsAWriteAfterFreeInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	debug := slab.Config{Debug: true}
	s := testkit.Must(slab.CreateWith[rec](path, 4, debug))(t)
	old := testkit.Must(allocateHere(s))(t)
	for _, reopened := range []bool{false, true} {
		if reopened {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = testkit.Must(slab.OpenMutWith[rec](path, debug))(t)
			if leaks := s.Leaks(); len(leaks) != 0 || s.Len() != 1 {
				t.Fatalf("%+v of a process that made nothing", leaks)
			}
			nothing(t, s, s.Mapping().Addr())
		}
		h := old
		if !reopened {
			h = testkit.Must(allocateHere(s))(t)
			if leaks := s.Leaks(); len(leaks) != 2 || len(leaks[0].Handles)+len(leaks[1].Handles) != 2 || !strings.Contains(leaks[0].Stack, "allocateHere") {
				t.Fatalf("%+v", leaks)
			}
		}
		p := testkit.Must(s.Ptr(h))(t)
		p.A, p.B = 0xdbdbdbdbdbdbdbdb, 2
		if err := freeHere(s, h); err != nil {
			t.Fatal(err)
		}
		if p.A != 0xdbdbdbdbdbdbdbdb || p.B != 2 {
			t.Fatalf("the object is %v after its Free: a power failure must be able to bring it back", *p)
		}
		if text := s.Explain(uintptr(unsafe.Pointer(p))); !strings.Contains(text, "freeHere") || strings.Contains(text, "allocateHere") == reopened ||
			strings.Contains(text, "there when the file was opened") != reopened {
			t.Fatal(text)
		}
		p.A = 3
		var found *slab.MisuseError
		var live []slab.Handle[rec]
		for range 4 {
			if x, err := s.Alloc(); err == nil {
				live = append(live, x)
			} else if !errors.As(err, &found) && !errors.Is(err, slab.ErrFull) {
				t.Fatal(err)
			}
		}
		if found == nil || found.Handle != h.Uint64() || found.Offset > 7 || strings.Contains(found.Alloc, "allocateHere") == reopened ||
			!strings.Contains(found.Free, "freeHere") {
			t.Fatalf("%v", found)
		}
		if st := s.Stats(); st.Retired != 1 || st.Live != 3 || st.Free != 0 {
			t.Fatalf("%+v", st)
		}
		for _, x := range live { // and no write is reported that was none
			if err := s.Free(x); err != nil {
				t.Fatal(err)
			}
			if again, err := s.Alloc(); err != nil || s.Free(again) != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = testkit.Must(slab.OpenMut[rec](path))(t)
	if st := s.Stats(); st.Retired != 0 || st.Free != 4 {
		t.Fatalf("after a reopen %+v", st)
	}
	refused(t, s, old)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSlabFilesTakeDebugOnly(t *testing.T) {
	dir := t.TempDir()
	good, fresh := filepath.Join(dir, "good"), filepath.Join(dir, "fresh")
	fileOf(t, good, 3)
	for _, c := range []slab.Config{{GuardEvery: 1}, {GuardEvery: -1}, {Debug: true, GuardEvery: 5}, {Options: options.New(100)},
		{Options: options.New(0).WithFlags(flags.Populate)}, {Debug: true, Options: options.New(0).WithCapacity(100)}} {
		_, err := slab.CreateWith[rec](fresh, 3, c)
		testkit.Is(t, err, typedmem.ErrOperation)
		_, err = slab.OpenMutWith[rec](good, c)
		testkit.Is(t, err, typedmem.ErrOperation)
	}
	if _, err := os.Stat(fresh); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("the file is left: %v", err)
	}
}

func TestDebugChangesNothingElse(t *testing.T) {
	for _, c := range []slab.Config{{Debug: true}, {GuardEvery: 1}, {GuardEvery: 3}, {Debug: true, GuardEvery: 2}} {
		s := carefulSlab(t, 100, c)
		for range 5 {
			want := map[slab.Handle[rec]]rec{}
			for i := range 100 {
				x := rec{uint64(i), 2}
				h, err := s.Insert(x)
				if err != nil {
					t.Fatalf("%+v: object %d: %v", c, i, err)
				}
				want[h] = x
			}
			_, err := s.Alloc()
			testkit.Is(t, err, slab.ErrFull)
			holds(t, s, want)
			for h := range want {
				if err := s.Store(h, rec{7, 7}); err != nil {
					t.Fatal(err)
				}
				if p := testkit.Must(s.Ptr(h))(t); p.A != 7 || !s.Has(h) {
					t.Fatal(*p)
				}
				refused(t, s, slab.HandleFrom[rec](h.Uint64()^1<<32))
				if err := s.Free(h); err != nil {
					t.Fatal(err)
				}
				refused(t, s, h)
			}
			if s.Len() != 0 {
				t.Fatalf("Len %d", s.Len())
			}
		}
	}
}

func TestLeaksAreListedByPlace(t *testing.T) {
	s := carefulSlab(t, 100, slab.Config{Debug: true})
	var here []slab.Handle[rec]
	for range 5 {
		here = append(here, testkit.Must(allocateHere(s))(t))
	}
	there := testkit.Must(s.Alloc())(t)
	gone := testkit.Must(s.Alloc())(t)
	if err := s.Free(gone); err != nil {
		t.Fatal(err)
	}
	leaks := s.Leaks()
	if len(leaks) != 2 || len(leaks[0].Handles) != 5 || leaks[0].Bytes != 80 || !strings.Contains(leaks[0].Stack, "allocateHere") {
		t.Fatalf("%+v", leaks)
	}
	for i, h := range leaks[0].Handles {
		if h != here[i] {
			t.Fatalf("%+v", leaks[0])
		}
	}
	if len(leaks[1].Handles) != 1 || leaks[1].Handles[0] != there || !strings.Contains(leaks[1].Stack, "TestLeaksAreListedByPlace") {
		t.Fatalf("%+v", leaks[1])
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if after := s.Leaks(); len(after) != 2 || len(after[0].Handles) != 5 {
		t.Fatalf("after Close: %+v", after)
	}
}

func TestGuardSlotsFaultOnMisuse(t *testing.T) {
	testenv.FaultAddresses(t)
	s := carefulSlab(t, 100, slab.Config{GuardEvery: 1})
	h := testkit.Must(allocateHere(s))(t)
	p := testkit.Must(s.Ptr(h))(t)
	p.A = 5
	if err := freeHere(s, h); err != nil {
		t.Fatal(err)
	}
	var fault *typedmem.FaultError
	err := typedmem.Guard(func() error { p.A = 6; return nil })
	if !errors.As(err, &fault) {
		t.Fatalf("a write after free: %v", err)
	}
	if text := s.Explain(fault.Addr); !strings.Contains(text, "allocateHere") || !strings.Contains(text, "freeHere") {
		t.Fatalf("%#x: %s", fault.Addr, text)
	}
	if s.Len() != 0 {
		t.Fatalf("Len %d", s.Len())
	}
}

// told checks that Explain names the object, begins so, and tells of its Free exactly if it was
// freed.
func told(t *testing.T, s *slab.Slab[rec], addr uintptr, h slab.Handle[rec], begins string, freed bool) {
	t.Helper()
	text := s.Explain(addr)
	if !strings.HasPrefix(text, begins) || !strings.Contains(text, fmt.Sprintf("object %#x", h.Uint64())) || !strings.Contains(text, "allocateHere") ||
		strings.Contains(text, "freeHere") != freed || strings.Contains(text, "freed:") != freed {
		t.Errorf("%#x: %q; it is object %#x, freed: %v", addr, text, h.Uint64(), freed)
	}
}

func nothing(t *testing.T, s *slab.Slab[rec], addr uintptr) {
	t.Helper()
	if text := s.Explain(addr); text != "" {
		t.Errorf("%#x: %q, nothing is known of it", addr, text)
	}
}

func TestExplainKnowsTheSlotsOfADebugSlab(t *testing.T) {
	const n = 5
	s := carefulSlab(t, n, slab.Config{Debug: true})
	base := s.Mapping().Addr()
	end := base + uintptr(s.Mapping().Len()) // the fence follows it
	page := uintptr(s.Mapping().PageSize())
	for _, addr := range []uintptr{0, 1, base - 1, base, base + 16*n, end, ^uintptr(0)} {
		nothing(t, s, addr) // no slot was used yet
	}
	handles := map[uintptr]slab.Handle[rec]{}
	for range n {
		h := testkit.Must(allocateHere(s))(t)
		handles[uintptr(unsafe.Pointer(testkit.Must(s.Ptr(h))(t)))] = h
	}
	for _, freed := range []bool{false, true} {
		for i := range uintptr(n) {
			p := base + 16*i
			if freed {
				if err := freeHere(s, handles[p]); err != nil {
					t.Fatal(err)
				}
			}
			told(t, s, p, handles[p], "byte 0 of object", freed)
			told(t, s, p+15, handles[p], "byte 15 of object", freed)
		}
		told(t, s, base-1, handles[base], "1 bytes before object", freed)
		told(t, s, base-page, handles[base], fmt.Sprintf("%d bytes before object", page), freed)
		last := base + 16*(n-1)
		told(t, s, last+16, handles[last], "byte 16, after object", freed)
		told(t, s, end, handles[last], fmt.Sprintf("byte %d, after object", end-last), freed)
		told(t, s, end+page-1, handles[last], fmt.Sprintf("byte %d, after object", end+page-1-last), freed)
		for _, addr := range []uintptr{0, base - 1<<20, end + 1<<20, ^uintptr(0)} {
			nothing(t, s, addr)
		}
	}
	if err := s.Mapping().MakeNone(); err != nil {
		t.Fatal(err)
	}
	told(t, s, base, handles[base], "byte 0 of object", true)
	if err := s.Mapping().MakeMut(); err != nil {
		t.Fatal(err)
	}
	h := testkit.Must(allocateHere(s))(t)
	told(t, s, uintptr(unsafe.Pointer(testkit.Must(s.Ptr(h))(t))), h, "byte 0 of object", false) // not the object before
	plain := newSlab[rec](t, n)
	testkit.Must(allocateHere(plain))(t)
	nothing(t, plain, plain.Mapping().Addr())
	again := testkit.Must(slab.With[rec](n, slab.Config{Debug: true}))(t)
	testkit.Must(allocateHere(again))(t)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	nothing(t, again, again.Mapping().Addr())
}

func TestExplainKnowsTheGuardSlots(t *testing.T) {
	page := uintptr(options.AllocationGranularity())
	for _, debug := range []bool{false, true} {
		s := carefulSlab(t, 100, slab.Config{GuardEvery: 1, Debug: debug})
		var handles []slab.Handle[rec]
		var at []uintptr
		for i := range 16 { // all guard slots, in the order of their addresses
			h := testkit.Must(allocateHere(s))(t)
			p := uintptr(unsafe.Pointer(testkit.Must(s.Ptr(h))(t)))
			if (p+16)%page != 0 || i > 0 && p != at[i-1]+2*page {
				t.Fatalf("object %d is at %#x, those before at %#x", i, p, at)
			}
			if i == 0 { // the only one so far
				told(t, s, p+16+page-1, h, "byte", false)
				told(t, s, p-2*page+16, h, "", false)
			}
			handles, at = append(handles, h), append(at, p)
		}
		for _, freed := range []bool{false, true} {
			for i, h := range handles {
				p := at[i]
				if freed {
					if err := freeHere(s, h); err != nil {
						t.Fatal(err)
					}
				}
				told(t, s, p, h, "byte 0 of object", freed)
				told(t, s, p+15, h, "byte 15 of object", freed)
				told(t, s, p-1, h, "1 bytes before object", freed)
				told(t, s, p+16-page, h, fmt.Sprintf("%d bytes before object", page-16), freed)
				told(t, s, p+16, h, "byte 16, after object", freed)
				told(t, s, p+16+page/2, h, fmt.Sprintf("byte %d, after object", 16+page/2), freed)
			}
			first, last := at[0]+16-2*page, at[15]+16+page // the fences around all
			told(t, s, first, handles[0], fmt.Sprintf("%d bytes before object", 2*page-16), freed)
			told(t, s, first+page-1, handles[0], fmt.Sprintf("%d bytes before object", page-15), freed)
			told(t, s, last-1, handles[15], fmt.Sprintf("byte %d, after object", page+15), freed)
			nothing(t, s, first-1)
			nothing(t, s, last)
		}
	}
}

func TestStatsAddUp(t *testing.T) {
	s := newSlab[rec](t, 1000)
	c := s.Cache()
	var all []slab.Handle[rec]
	for i := range 500 {
		insert := s.Insert
		if i%2 == 0 {
			insert = c.Insert
		}
		all = append(all, testkit.Must(insert(rec{}))(t))
	}
	for i, h := range all[:200] {
		free := s.Free
		if i%3 == 0 {
			free = c.Free
		}
		if err := free(h); err != nil {
			t.Fatal(err)
		}
	}
	st := s.Stats()
	if st.Live != 300 || st.Allocs != 500 || st.Frees != 200 || st.Live+st.Free+st.Cached+st.Waiting+st.Retired != 1000 || st.Committed == 0 {
		t.Fatalf("%+v", st)
	}
}
