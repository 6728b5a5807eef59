package slab_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/slab"
)

type rec struct {
	A uint64
	B float64
}

func newSlab[T any](t testing.TB, capacity int) *slab.Slab[T] {
	t.Helper()
	s := testkit.Must(slab.New[T](capacity))(t)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestObjectsKeepTheirValues(t *testing.T) {
	s := newSlab[rec](t, 1000)
	want := map[slab.Handle[rec]]rec{}
	for i := range 1000 {
		x := rec{uint64(i), float64(i) / 2}
		want[testkit.Must(s.Insert(x))(t)] = x
	}
	if _, err := s.Alloc(); !errors.Is(err, slab.ErrFull) {
		t.Fatalf("object 1001 of 1000: %v", err)
	}
	if s.Len() != 1000 || s.Cap() != 1000 || len(want) != 1000 {
		t.Fatalf("Len %d, Cap %d, %d handles", s.Len(), s.Cap(), len(want))
	}
	for h, x := range want {
		if got := testkit.Must(s.Load(h))(t); got != x {
			t.Fatalf("object %x is %v, want %v", h.Uint64(), got, x)
		}
		if p := testkit.Must(s.Ptr(h))(t); *p != x {
			t.Fatalf("at Ptr %v, want %v", *p, x)
		}
	}
	for h, p := range s.All() {
		if want[h] != *p {
			t.Fatalf("All yields %x with %v, want %v", h.Uint64(), *p, want[h])
		}
		delete(want, h)
	}
	if len(want) != 0 {
		t.Fatalf("All missed %d objects", len(want))
	}
}

func TestAllocGivesZeroesAfterReuse(t *testing.T) {
	s := newSlab[rec](t, 1)
	for range 100 {
		h := testkit.Must(s.Insert(rec{^uint64(0), -1}))(t)
		if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
		h = testkit.Must(s.Alloc())(t)
		if x := testkit.Must(s.Load(h))(t); x != (rec{}) {
			t.Fatalf("a new object is %v", x)
		}
		if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
	}
}

// refused checks that every operation on h is ErrStale, and that nothing changes by it.
func refused(t testing.TB, s *slab.Slab[rec], h slab.Handle[rec]) {
	t.Helper()
	n := s.Len()
	_, err := s.Load(h)
	testkit.Is(t, err, slab.ErrStale)
	testkit.Is(t, s.Store(h, rec{1, 1}), slab.ErrStale)
	testkit.Is(t, s.Free(h), slab.ErrStale)
	_, err = s.Ptr(h)
	testkit.Is(t, err, slab.ErrStale)
	if s.Has(h) {
		t.Fatalf("Has of %x", h.Uint64())
	}
	c := s.Cache()
	testkit.Is(t, c.Free(h), slab.ErrStale)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if s.Len() != n {
		t.Fatalf("Len was %d and is %d", n, s.Len())
	}
}

func TestHandlesThatAreNotValid(t *testing.T) {
	s, other := newSlab[rec](t, 300), newSlab[rec](t, 300)
	var live []slab.Handle[rec]
	for i := range 200 {
		live = append(live, testkit.Must(s.Insert(rec{uint64(i), 0}))(t))
	}
	refused(t, s, slab.Handle[rec]{})
	for _, h := range live[:20] {
		for bit := range 64 {
			refused(t, s, slab.HandleFrom[rec](h.Uint64()^1<<bit))
		}
		refused(t, s, slab.HandleFrom[rec](h.Uint64()+1))
		refused(t, s, slab.HandleFrom[rec](h.Uint64()+uint64(s.Cap()))) // the same slot, once around
		refused(t, s, slab.HandleFrom[rec](h.Uint64()-1))
	}
	for _, h := range live {
		refused(t, other, h)
		h2 := testkit.Must(other.Insert(rec{}))(t)
		refused(t, s, h2)
		refused(t, other, h)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		refused(t, s, slab.HandleFrom[rec](r.Uint64()))
		refused(t, s, slab.HandleFrom[rec](r.Uint64N(1<<9)|r.Uint64N(8)<<32))
	}
	for _, h := range live[:100] {
		if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
		refused(t, s, h)
	}
	for range 100 {
		testkit.Must(s.Alloc())(t)
	}
	for i, h := range live {
		if i < 100 {
			refused(t, s, h)
		} else if x := testkit.Must(s.Load(h))(t); x.A != uint64(i) {
			t.Fatalf("object %d is %v", i, x)
		}
	}
}

// Goroutines that start at one instant free the same objects in the same order.
func TestOfManyFreesOneWins(t *testing.T) {
	const n, goroutines = 6000, 2
	inMemory := func() (*slab.Slab[rec], error) { return slab.New[rec](n) }
	for name, c := range map[string]struct {
		rounds int
		caches int // so many of the goroutines use one
		make   func() (*slab.Slab[rec], error)
	}{
		"slab":   {150, 0, inMemory},
		"caches": {150, goroutines, inMemory},
		"both":   {150, goroutines / 2, inMemory},
		"file": {40, goroutines / 2, func() (*slab.Slab[rec], error) {
			return slab.Create[rec](filepath.Join(testkit.FastDir(t), "s"), n)
		}},
		"debug": {10, goroutines / 2, func() (*slab.Slab[rec], error) { return slab.With[rec](n, slab.Config{Debug: true}) }},
	} {
		t.Run(name, func(t *testing.T) {
			s := testkit.Must(c.make())(t)
			defer s.Close()
			all := make([]slab.Handle[rec], n)
			for round := range max(1, rounds(c.rounds)) {
				for i := range all {
					all[i] = testkit.Must(s.Alloc())(t)
				}
				var won, waiting atomic.Int32
				var wg sync.WaitGroup
				for g := range goroutines {
					wg.Add(1)
					go func() {
						defer wg.Done()
						free := s.Free
						if g < c.caches {
							cache := s.Cache()
							defer cache.Close()
							free = cache.Free
						}
						for waiting.Add(1); waiting.Load() < goroutines; {
							runtime.Gosched()
						}
						mine := int32(0)
						defer func() { won.Add(mine) }()
						for _, h := range all {
							if err := free(h); err == nil {
								mine++
							} else if !errors.Is(err, slab.ErrStale) {
								t.Error(err)
							}
						}
					}()
				}
				wg.Wait()
				if won.Load() != n || s.Len() != 0 {
					t.Fatalf("round %d: of %d frees of %d objects %d succeeded, Len %d", round, n*goroutines, n, won.Load(), s.Len())
				}
			}
		})
	}
}

func TestTypesThatCannotLiveThere(t *testing.T) {
	_, err := slab.New[*int](1)
	testkit.Is(t, err, typedmem.ErrType)
	_, err = slab.New[struct{}](1)
	testkit.Is(t, err, typedmem.ErrType)
	_, err = slab.New[string](1)
	testkit.Is(t, err, typedmem.ErrType)
	if want := "typedmem: new: type cannot live in this memory: string holds a pointer"; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %v", err, want)
	}
	_, err = slab.Create[bool](t.TempDir()+"/s", 1)
	testkit.Is(t, err, typedmem.ErrType)
	if s, err := slab.New[struct{ next slab.Handle[rec] }](1); err != nil || s.Close() != nil {
		t.Fatal(err)
	}
}

func TestSizesThatAreNone(t *testing.T) {
	for _, n := range []int{0, -1, -1 << 31} {
		_, err := slab.New[rec](n)
		testkit.Is(t, err, typedmem.ErrSize)
	}
	_, err := slab.New[[1 << 20]rec](1<<31 - 1)
	if err == nil {
		t.Skip("this system sets 32 EiB aside")
	}
}

func TestAtomicFieldsAreForPtrOnly(t *testing.T) {
	type counter struct{ n atomic.Int64 }
	s := newSlab[counter](t, 4)
	h := testkit.Must(s.Alloc())(t)
	_, err := s.Load(h)
	testkit.Is(t, err, typedmem.ErrOperation)
	testkit.Is(t, storeZero(s, h), typedmem.ErrOperation)
	if n := testkit.Must(s.Ptr(h))(t).n.Add(3); n != 3 || !s.Has(h) {
		t.Fatalf("the counter is %d", n)
	}
}

func TestARefusalTellsTheZeroHandleFromOthers(t *testing.T) {
	s := newSlab[rec](t, 10)
	freed := testkit.Must(s.Alloc())(t)
	if err := s.Free(freed); err != nil {
		t.Fatal(err)
	}
	for h, want := range map[slab.Handle[rec]]string{{}: "the zero handle names no object: stale handle", freed: "the object was freed, or the handle is of another slab or made up: stale handle"} {
		_, errLoad := s.Load(h)
		_, errPtr := s.Ptr(h)
		for op, err := range map[string]error{"load": errLoad, "ptr": errPtr, "store": s.Store(h, rec{}), "free": s.Free(h)} {
			testkit.Is(t, err, slab.ErrStale)
			if text := "typedmem: " + op + ": " + want; err.Error() != text {
				t.Errorf("%v, want %v", err, text)
			}
		}
	}
}

func storeZero[T any](s *slab.Slab[T], h slab.Handle[T]) error {
	var zero T
	return s.Store(h, zero)
}

func TestASlabNoticesItsMapping(t *testing.T) {
	s := newSlab[rec](t, 1000)
	h := testkit.Must(s.Insert(rec{7, 7}))(t)
	c := s.Cache()
	h2 := testkit.Must(c.Insert(rec{8, 8}))(t)
	m := s.Mapping()
	if err := m.MakeReadOnly(); err != nil {
		t.Fatal(err)
	}
	testkit.Is(t, s.Store(h, rec{}), typedmem.ErrProtection)
	testkit.Is(t, s.Free(h), typedmem.ErrProtection)
	testkit.Is(t, c.Free(h2), typedmem.ErrProtection)
	_, err := s.Alloc()
	testkit.Is(t, err, typedmem.ErrProtection)
	_, err = c.Alloc()
	testkit.Is(t, err, typedmem.ErrProtection)
	if x := testkit.Must(s.Load(h))(t); x.A != 7 {
		t.Fatal(x)
	}
	if err := m.MakeNone(); err != nil {
		t.Fatal(err)
	}
	_, err = s.Load(h)
	testkit.Is(t, err, typedmem.ErrProtection)
	_, err = s.Ptr(h)
	testkit.Is(t, err, typedmem.ErrProtection)
	if s.Has(h) {
		t.Fatal("Has of an object that cannot be read")
	}
	for range s.All() {
		t.Fatal("All yields what cannot be read")
	}
	if err := m.MakeMut(); err != nil {
		t.Fatal(err)
	}
	if err := s.Store(h, rec{9, 9}); err != nil {
		t.Fatal(err)
	}
	unpin := testkit.Must(m.Pin())(t)
	testkit.Is(t, s.Close(), typedmem.ErrBusy)
	if x := testkit.Must(s.Load(h))(t); x.A != 9 {
		t.Fatal(x)
	}
	testkit.Must(s.Alloc())(t)
	unpin()
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	closed(t, s, c, h)
	testkit.Is(t, s.Close(), typedmem.ErrClosed)
	closed(t, s, c, h)
}

func closed(t *testing.T, s *slab.Slab[rec], c *slab.Cache[rec], h slab.Handle[rec]) {
	t.Helper()
	_, err := s.Load(h)
	testkit.Is(t, err, typedmem.ErrClosed)
	testkit.Is(t, s.Store(h, rec{}), typedmem.ErrClosed)
	testkit.Is(t, s.Free(h), typedmem.ErrClosed)
	_, err = s.Ptr(h)
	testkit.Is(t, err, typedmem.ErrClosed)
	_, err = s.Alloc()
	testkit.Is(t, err, typedmem.ErrClosed)
	_, err = s.Insert(rec{})
	testkit.Is(t, err, typedmem.ErrClosed)
	_, err = c.Alloc()
	testkit.Is(t, err, typedmem.ErrClosed)
	testkit.Is(t, c.Free(h), typedmem.ErrClosed)
	_, err = s.Load(slab.Handle[rec]{})
	testkit.Is(t, err, typedmem.ErrClosed)
	_, err = s.Load(slab.HandleFrom[rec](^uint64(0)))
	testkit.Is(t, err, typedmem.ErrClosed)
	testkit.Is(t, s.Free(slab.Handle[rec]{}), typedmem.ErrClosed)
	testkit.Is(t, s.Flush(), typedmem.ErrClosed)
	testkit.Is(t, s.Sync(), typedmem.ErrClosed)
	_, err = s.Trim()
	testkit.Is(t, err, typedmem.ErrClosed)
	if s.Has(h) || s.Len() != 0 || s.Cap() != 1000 {
		t.Fatalf("closed: Has %v, Len %d, Cap %d", s.Has(h), s.Len(), s.Cap())
	}
	for range s.All() {
		t.Fatal("All of a closed slab")
	}
}

// A slab whose mapping was cut counts its objects, and says of one that is out of reach what became
// of it.
func TestASlabWhoseMappingWasCutHasItsObjects(t *testing.T) {
	for name, cut := range map[string]func(*typedmem.Mapping, int) (*typedmem.Mapping, error){
		"SplitOff": (*typedmem.Mapping).SplitOff, "SplitTo": (*typedmem.Mapping).SplitTo,
	} {
		s := newSlab[rec](t, 1<<14)
		var all []slab.Handle[rec]
		for i := range 1 << 13 {
			all = append(all, testkit.Must(s.Insert(rec{A: uint64(i)}))(t))
		}
		part, err := cut(s.Mapping(), 1<<16)
		if err != nil {
			t.Fatal(err)
		}
		defer part.Close()
		if x := testkit.Must(s.Load(all[5]))(t); x.A != 5 {
			t.Errorf("%s: %v", name, x)
		}
		if s.Len() != len(all) || s.Stats().Live != len(all) {
			t.Errorf("%s: Len %d, %+v", name, s.Len(), s.Stats())
		}
		outside := 0 // which they are depends on the threads' magazines
		for i, h := range all {
			x, err := s.Load(h)
			if err == nil {
				if x.A != uint64(i) {
					t.Fatalf("%s: object %d is %v", name, i, x)
				}
				continue
			}
			outside++
			testkit.Is(t, err, typedmem.ErrBounds)
			if text := err.Error(); !strings.Contains(text, "slot ") || strings.Contains(text, "view") {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if size := 1 << 13 * int(unsafe.Sizeof(rec{})); outside < (size-1<<16)/int(unsafe.Sizeof(rec{})) {
			t.Errorf("%s: %d of %d objects lie outside", name, outside, len(all))
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	s := newSlab[rec](t, 1000)
	c := s.Cache()
	h := testkit.Must(c.Alloc())(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	closed(t, s, c, h)
	testkit.Is(t, s.Close(), typedmem.ErrClosed)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	testkit.Is(t, c.Close(), typedmem.ErrClosed)
}

func TestAShrunkMappingPutsSlotsOutOfReach(t *testing.T) {
	s := newSlab[[4096]byte](t, 64)
	var all []slab.Handle[[4096]byte]
	for range 64 {
		all = append(all, testkit.Must(s.Alloc())(t))
	}
	if err := s.Mapping().Resize(64 << 10); err != nil {
		t.Fatal(err)
	}
	reachable := 0
	for _, h := range all {
		if _, err := s.Load(h); err == nil {
			reachable++
		} else {
			testkit.Is(t, err, typedmem.ErrBounds)
			testkit.Is(t, s.Store(h, [4096]byte{}), typedmem.ErrBounds)
			testkit.Is(t, s.Free(h), typedmem.ErrBounds)
		}
	}
	if reachable != 16 {
		t.Fatalf("%d of 64 objects within 16 pages", reachable)
	}
}

func TestCachesPassSlotsOn(t *testing.T) {
	const n = 500
	s := newSlab[rec](t, n)
	a, b := s.Cache(), s.Cache()
	var all []slab.Handle[rec]
	for i := range n {
		h, err := a.Insert(rec{uint64(i), 0})
		if err != nil {
			t.Fatalf("object %d: %v", i, err)
		}
		all = append(all, h)
	}
	if s.Len() != n {
		t.Fatalf("Len %d", s.Len())
	}
	for i, h := range all {
		if x := testkit.Must(s.Load(h))(t); x.A != uint64(i) {
			t.Fatalf("object %d is %v", i, x)
		}
		if err := b.Free(h); err != nil { // another one's object
			t.Fatal(err)
		}
	}
	if st := s.Stats(); st.Live != 0 || st.Live+st.Free+st.Cached+st.Waiting+st.Retired != n || st.Allocs != n || st.Frees != n || st.Cached == 0 {
		t.Fatalf("%+v", st)
	}
	if a.Close() != nil || b.Close() != nil {
		t.Fatal("Close of a cache")
	}
	if st := s.Stats(); st.Cached != 0 || st.Free != n || st.Allocs != n {
		t.Fatalf("%+v", st)
	}
	for range n {
		testkit.Must(s.Alloc())(t)
	}
	_, err := s.Alloc()
	testkit.Is(t, err, slab.ErrFull)
}

func TestACacheThatIsForgottenGivesItsSlotsBack(t *testing.T) {
	s := newSlab[rec](t, 100)
	func() {
		c := s.Cache()
		testkit.Must(c.Alloc())(t)
	}()
	for i := 0; s.Stats().Cached != 0; i++ {
		if i > 1000 {
			t.Fatalf("%+v", s.Stats())
		}
		runtime.GC()
		runtime.Gosched()
	}
	if s.Len() != 1 {
		t.Fatalf("Len %d", s.Len())
	}
}

// A full slab is full only when it is: slots that went through other goroutines' magazines are
// found.
func TestEverySlotIsFound(t *testing.T) {
	const n = 300
	s := newSlab[rec](t, n)
	for range 20 {
		handles := make(chan slab.Handle[rec], n)
		var wg sync.WaitGroup
		for range 10 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for range n / 10 {
					h, err := s.Alloc()
					if err != nil {
						t.Error(err)
						return
					}
					handles <- h
				}
			}()
		}
		wg.Wait()
		_, err := s.Alloc()
		testkit.Is(t, err, slab.ErrFull)
		close(handles)
		for h := range handles {
			wg.Add(1)
			go func() {
				defer wg.Done()
				if err := s.Free(h); err != nil {
					t.Error(err)
				}
			}()
		}
		wg.Wait()
	}
}

func TestNothingAllocates(t *testing.T) {
	if testing.CoverMode() != "" {
		t.Skip("coverage allocates")
	}
	s := newSlab[rec](t, 1000)
	c := s.Cache()
	h := testkit.Must(s.Alloc())(t)
	stale := testkit.Must(s.Alloc())(t)
	if err := s.Free(stale); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"alloc and free": func() { h, _ := s.Alloc(); s.Free(h) },
		"cache":          func() { h, _ := c.Insert(rec{1, 2}); c.Free(h) },
		"load":           func() { s.Load(h) },
		"store":          func() { s.Store(h, rec{3, 4}) },
		"ptr":            func() { s.Ptr(h) },
		"has":            func() { s.Has(h) },
		"stale load":     func() { s.Load(stale) },
		"stale free":     func() { s.Free(stale); c.Free(stale) },
	} {
		testkit.AllocatesNothing(t, name, 1000, f)
	}
}

func TestTrimGivesFreePagesBack(t *testing.T) {
	const n = 1 << 14
	s := newSlab[[256]byte](t, n)
	var all []slab.Handle[[256]byte]
	for i := range n {
		all = append(all, testkit.Must(s.Insert([256]byte{0: byte(i), 255: 1}))(t))
	}
	keep := map[int]bool{}
	for i, h := range all {
		if i%5000 == 17 {
			keep[i] = true
		} else if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
	}
	bytes := testkit.Must(s.Trim())(t)
	if page := s.Mapping().PageSize(); bytes < n*256-len(keep)*page-2*page {
		t.Fatalf("%d bytes of %d given back", bytes, n*256)
	}
	for i := range keep {
		if x := testkit.Must(s.Load(all[i]))(t); x[0] != byte(i) || x[255] != 1 {
			t.Fatalf("object %d has changed", i)
		}
	}
	for i := range n - len(keep) {
		h, err := s.Alloc()
		if err != nil {
			t.Fatalf("object %d: %v", i, err)
		}
		if x := testkit.Must(s.Load(h))(t); x != ([256]byte{}) {
			t.Fatal("a new object is not zero")
		}
	}
}

func TestMapTakesOptions(t *testing.T) {
	for name, o := range map[string]options.Options{
		"none":      options.New(0),
		"size":      options.For[rec](100),
		"large":     options.New(1 << 20),
		"flags":     options.New(0).WithFlags(flags.NoReserve | flags.Populate),
		"capacity":  options.New(0).WithCapacity(1 << 22),
		"transient": options.New(4096).WithFlags(flags.TransparentHugePages | flags.Sequential),
	} {
		t.Run(name, func(t *testing.T) {
			s := testkit.Must(slab.Map[rec](100, o))(t)
			for range 100 {
				testkit.Must(s.Insert(rec{1, 2}))(t)
			}
			_, err := s.Alloc()
			testkit.Is(t, err, slab.ErrFull)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
	for _, debug := range []bool{false, true} {
		for _, size := range []int{-1, -5, math.MinInt, math.MaxInt} {
			_, err := slab.With[rec](100, slab.Config{Debug: debug, Options: options.New(size)})
			testkit.Is(t, err, typedmem.ErrSize)
		}
		_, err := slab.With[rec](100, slab.Config{Debug: true, Options: options.New(math.MaxInt - 1<<17)}) // with the pages around it too much
		testkit.Is(t, err, typedmem.ErrSize)
		s, err := slab.With[rec](100, slab.Config{Debug: debug, Options: options.New(1 << 20)})
		if errors.Is(err, errors.ErrUnsupported) {
			continue
		}
		if err != nil || s.Mapping().Len() < 1<<20 || s.Close() != nil {
			t.Fatal(err)
		}
	}
}

// A plain map says what a slab must hold after any sequence of operations.
func TestAnySequenceOfOperations(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		capacity := 1 + r.IntN(300)
		s := newSlab[rec](t, capacity)
		cache := s.Cache()
		live, stale := map[slab.Handle[rec]]rec{}, []slab.Handle[rec]{}
		var handles []slab.Handle[rec]
		for range 5000 {
			switch op := r.IntN(10); {
			case op < 4:
				insert := s.Insert
				if op%2 == 0 {
					insert = cache.Insert
				}
				x := rec{r.Uint64(), 1}
				h, err := insert(x)
				if err != nil {
					testkit.Is(t, err, slab.ErrFull)
					if st := s.Stats(); len(live)+st.Cached != capacity {
						t.Fatalf("full with %d objects of %d: %+v", len(live), capacity, st)
					}
					continue
				}
				if _, twice := live[h]; twice {
					t.Fatalf("handle %x twice", h.Uint64())
				}
				live[h] = x
				handles = append(handles, h)
			case op < 7 && len(handles) > 0:
				i := r.IntN(len(handles))
				h := handles[i]
				handles[i] = handles[len(handles)-1]
				handles = handles[:len(handles)-1]
				free := s.Free
				if op%2 == 0 {
					free = cache.Free
				}
				if err := free(h); err != nil {
					t.Fatal(err)
				}
				delete(live, h)
				stale = append(stale, h)
			case op == 7 && len(handles) > 0:
				h := handles[r.IntN(len(handles))]
				live[h] = rec{r.Uint64(), 2}
				if err := s.Store(h, live[h]); err != nil {
					t.Fatal(err)
				}
			case op == 8 && len(stale) > 0:
				h := stale[r.IntN(len(stale))]
				_, err := s.Load(h)
				testkit.Is(t, err, slab.ErrStale)
				testkit.Is(t, cache.Free(h), slab.ErrStale)
			case op == 9 && r.IntN(50) == 0:
				if err := cache.Close(); err != nil {
					t.Fatal(err)
				}
				cache = s.Cache()
				testkit.Must(s.Trim())(t)
			}
			if s.Len() != len(live) {
				t.Fatalf("Len %d, the model has %d", s.Len(), len(live))
			}
		}
		seen := 0
		for h, p := range s.All() {
			if x, ok := live[h]; !ok || x != *p {
				t.Fatalf("All yields %x with %v, want %v", h.Uint64(), *p, x)
			}
			seen++
		}
		if seen != len(live) {
			t.Fatalf("All yields %d of %d objects", seen, len(live))
		}
	}
}
