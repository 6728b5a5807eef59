package slab

import (
	"errors"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/order"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/slots"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
)

// someoneWaits returns when a goroutine waits for its turn at the object.
func (c *core) someoneWaits(h uint64) {
	for c.waited.Load() != h {
		runtime.Gosched()
	}
}

// A waiting goroutine gets the object before any Store or Update that begins later.
func TestWhoWaitsForAnObjectGoesFirst(t *testing.T) {
	file, err := Create[filledObject](filepath.Join(t.TempDir(), "s"), 10)
	if err != nil {
		t.Fatal(err)
	}
	memory, err := New[filledObject](10)
	if err != nil {
		t.Fatal(err)
	}
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	for name, s := range map[string]*Slab[filledObject]{"file": file, "memory": memory} {
		h, err := s.Alloc()
		if err != nil {
			t.Fatal(err)
		}
		for round := range rounds {
			var wg sync.WaitGroup
			start := func(f func() error) {
				wg.Add(1)
				go func() {
					defer wg.Done()
					if err := f(); err != nil {
						t.Error(err)
					}
				}()
			}
			seen := uint64(0)
			if err := s.Update(h, func(x *filledObject) {
				start(func() error { // as a Load whose copies were spoilt
					w, word, err := s.core.inTurn(opLoad, h.Bits, true)
					if err == nil {
						if slots.Load(w)&slots.Busy == 0 {
							t.Error("the object is not held")
						}
						seen = (*filledObject)(s.core.pool.Slot(uintptr(slots.Index(h.Bits))))[0]
						order.Publish(w, word)
					}
					return err
				})
				s.core.someoneWaits(h.Bits)
				for i := range 4 {
					start(func() error {
						if i == 0 {
							return s.Update(h, func(x *filledObject) { x[0] = 2 })
						}
						return s.Store(h, filledObject{3})
					})
				}
				for range 20 {
					runtime.Gosched()
				}
				x[0] = 1
			}); err != nil {
				t.Fatal(err)
			}
			wg.Wait()
			if seen != 1 {
				t.Fatalf("%s, round %d: a Store or Update that began later came first: %d", name, round, seen)
			}
		}
		if s.core.waited.Load() != 0 || s.core.waiters.Load() != 0 {
			t.Errorf("%s: someone waits still", name)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A Load whose copies are spoilt again and again locks the object for one copy. Here the word
// changes as Stores change it, except that it does not let others go first.
func TestALoadThatIsSpoiltTakesTheObject(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("one processor: nobody changes an object while another goroutine copies it")
	}
	type large [1 << 13]uint64
	s, err := New[large](1)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h, err := s.Alloc()
	if err != nil {
		t.Fatal(err)
	}
	var stop, taken atomic.Bool
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		w := slots.WordAt(s.words, uintptr(slots.Index(h.Bits)))
		deadline := time.Now().Add(30 * time.Second)
		for !stop.Load() && time.Now().Before(deadline) {
			for range 10000 { // between looks at the clock: a Load may not come back
				if word := slots.Load(w); word&slots.Busy != 0 {
					taken.Store(true)
				} else {
					atomic.CompareAndSwapUint64(w, word, slots.AfterStore(word))
				}
			}
		}
		stop.Store(true)
	}()
	for !taken.Load() && !stop.Load() {
		if _, err := s.Load(h); err != nil {
			t.Fatal(err)
		}
	}
	stop.Store(true)
	wg.Wait()
	if !taken.Load() {
		t.Error("no Load took the object")
	}
}

// A goroutine that gives up waiting for an object, for any reason, keeps no other one waiting.
func TestWhoGivesUpWaitingKeepsNobodyWaiting(t *testing.T) {
	testenv.FaultAddresses(t)
	for name, c := range map[string]struct {
		end  func(s *Slab[filledObject], w *uint64, word uint64) error
		fix  func(s *Slab[filledObject]) error
		want error
	}{
		"freed": {
			end: func(s *Slab[filledObject], w *uint64, word uint64) error {
				order.Publish(w, word+slots.OneGeneration)
				return nil
			},
			want: ErrStale,
		},
		"protected": {
			end:  func(s *Slab[filledObject], w *uint64, word uint64) error { return s.Mapping().MakeReadOnly() },
			fix:  func(s *Slab[filledObject]) error { return s.Mapping().MakeMut() },
			want: typedmem.ErrProtection,
		},
		"fault": {
			end: func(s *Slab[filledObject], w *uint64, word uint64) error {
				return sys.Protect(uintptr(s.words), s.core.meta.Len(), flags.None)
			},
			fix: func(s *Slab[filledObject]) error {
				return sys.Protect(uintptr(s.words), s.core.meta.Len(), flags.Read|flags.Write)
			},
		},
	} {
		if name == "fault" && race.Enabled { // see TestCloseBesideFreeLeavesNoLockHeld
			continue
		}
		s, err := New[filledObject](100)
		if err != nil {
			t.Fatal(err)
		}
		h, err := s.Alloc()
		if err != nil {
			t.Fatal(err)
		}
		w, word, err := s.core.hold(opStore, h.Bits)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- typedmem.Guard(func() error { return s.Store(h, filledObject{1}) }) }()
		s.core.someoneWaits(h.Bits)
		if err := c.end(s, w, word); err != nil {
			t.Fatal(err)
		}
		var fault *typedmem.FaultError
		if err := <-done; !errors.Is(err, c.want) && !(c.want == nil && errors.As(err, &fault)) {
			t.Errorf("%s: %v", name, err)
		}
		if s.core.waited.Load() != 0 || s.core.waiters.Load() != 0 {
			t.Errorf("%s: someone waits still", name)
		}
		if c.fix != nil {
			if err := c.fix(s); err != nil {
				t.Fatal(err)
			}
			order.Publish(w, word)
			if err := s.Store(h, filledObject{2}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
