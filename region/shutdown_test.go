package region_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// inFile makes a region file with the elements 0 to n-1, not synced.
func inFile(t *testing.T, n int) (r *region.Region[uint64], path string) {
	t.Helper()
	path = filepath.Join(testkit.FastDir(t), "r")
	r, err := region.Create[uint64](path, 0)
	testkit.Wants(t, "Create", err, nil)
	testkit.CloseLater(t, r)
	appendUpTo(t, r, n)
	return r, path
}

// holds fails unless the file has the elements 0 to n-1.
func holds(t *testing.T, path string, n int) {
	t.Helper()
	r, err := region.Open[uint64](path)
	testkit.Wants(t, "Open", err, nil)
	defer r.Close()
	if r.Len() != n {
		t.Fatalf("the file has %d elements, want %d", r.Len(), n)
	}
	for i, x := range r.All() {
		if x != uint64(i) {
			t.Fatalf("element %d of %d is %d", i, n, x)
		}
	}
}

func TestShutdown(t *testing.T) {
	kinds := map[string]func(t *testing.T) *region.Region[uint64]{
		"memory": func(t *testing.T) *region.Region[uint64] {
			return numbered(t, 10, func(i int) uint64 { return uint64(i) })
		},
		"writer": func(t *testing.T) *region.Region[uint64] { r, _ := inFile(t, 10); return r },
		"reader": func(t *testing.T) *region.Region[uint64] {
			w, path := inFile(t, 10)
			r, err := region.Open[uint64](path)
			testkit.Wants(t, "Open", err, nil)
			testkit.CloseLater(t, r)
			testkit.Wants(t, "Close of the writer", w.Close(), nil)
			return r
		},
		"one of several writers": func(t *testing.T) *region.Region[uint64] { r, _ := sharedFile(t, 10); return r },
		"private copy":           func(t *testing.T) *region.Region[uint64] { return privateCopy(t, 10) },
		"part": func(t *testing.T) *region.Region[uint64] {
			r, err := region.New[uint64](options.AllocationGranularity() / 4)
			testkit.Wants(t, "New", err, nil)
			testkit.CloseLater(t, r)
			part, err := r.SplitTo(r.Len() / 2)
			testkit.Wants(t, "SplitTo", err, nil)
			testkit.CloseLater(t, part)
			return part
		},
	}
	if strconv.IntSize == 64 {
		kinds["reader that moved"] = func(t *testing.T) *region.Region[uint64] {
			w, r := follower(t, 10)
			outgrow(t, w, r)
			return r
		}
	}
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			testkit.CheckShutdown(t, typedmem.ErrBusy, func(t *testing.T) testkit.Ender { return kind(t) })
			testkit.CheckShutdownBesideSync(t, kind(t))
		})
	}
}

// A Shutdown of a reader waits for pins from before the reader moved, refuses pins of the range to
// which it moves meanwhile, and leaves all views alone until it closes.
func TestShutdownOfAReaderThatMoves(t *testing.T) {
	w, r := follower(t, 10)
	first := r.Mapping()
	old := look(t, r)
	unpin, err := r.Pin()
	testkit.Wants(t, "Pin", err, nil)
	outgrow(t, w, r)
	s := testkit.StartShutdown(t, r)
	outgrow(t, w, r)
	for what, pin := range map[string]func() (func(), error){"region": r.Pin, "first range": first.Pin, "last range": r.Mapping().Pin} {
		_, err := pin()
		testkit.Wants(t, "Pin of the "+what, err, typedmem.ErrClosed)
	}
	old.shows(t, old.n)
	look(t, r).shows(t, r.Len())
	s.Cancel()
	testkit.Wants(t, "Shutdown", s.Wait(t), context.Canceled, "pins left: 1")
	again, err := r.Pin()
	testkit.Wants(t, "Pin", err, nil)
	s = testkit.StartShutdown(t, r)
	unpin()
	old.shows(t, old.n)
	testkit.Wants(t, "Close", r.Close(), typedmem.ErrBusy)
	again()
	testkit.Wants(t, "Shutdown", s.Wait(t), nil)
	old.refused(t, 0, typedmem.ErrClosed)
}

// Shutdown syncs as Close does, and returns its errors: a file that cannot be synced stays open,
// one that was cut off is closed.
func TestShutdownReturnsTheErrorOfClose(t *testing.T) {
	r, path := inFile(t, 10)
	failure := errors.New("injected")
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpFlush {
			return failure
		}
		return nil
	})
	unpin, err := r.Pin()
	testkit.Wants(t, "Pin", err, nil)
	s := testkit.StartShutdown(t, r)
	unpin()
	err = s.Wait(t)
	restore()
	testkit.Wants(t, "Shutdown", err, failure, path)
	unpin, err = r.Pin()
	testkit.Wants(t, "Pin", err, nil)
	appendUpTo(t, r, 20)
	unpin()
	testkit.Wants(t, "Shutdown", r.Shutdown(context.Background()), nil)
	holds(t, path, 20)

	if runtime.GOOS == "windows" {
		return // a mapped file cannot be cut off there
	}
	r, path = inFile(t, 10)
	testkit.Check(t, os.Truncate(path, 100), "truncate")
	testkit.Wants(t, "Shutdown of a file that was cut off", r.Shutdown(context.Background()), typedmem.ErrTruncated)
	testkit.Wants(t, "Close", r.Close(), typedmem.ErrClosed)
}

// A goroutine that has a pin appends while others call Close and Shutdown: all that it appended is
// there afterwards.
func TestAppendWithAPinBesideShutdown(t *testing.T) {
	for round := range 20 {
		r, path := inFile(t, 0)
		appended := make(chan int)
		go func() {
			n := 0
			defer func() { appended <- n }()
			for {
				unpin, err := r.Pin()
				if err != nil {
					testkit.Is(t, err, typedmem.ErrClosed)
					return
				}
				for range 5 {
					if n == 1<<20 { // Close may find no moment without a pin for long; a file here has room for 2<<20
						break
					}
					if err := r.Append(uint64(n)); err != nil {
						t.Errorf("Append: %v", err)
						break
					}
					n++
				}
				unpin()
				runtime.Gosched()
			}
		}()
		for r.Len() < 100 {
			runtime.Gosched()
		}
		var err error
		if round%2 == 0 {
			err = r.Shutdown(context.Background())
		} else {
			for err = r.Close(); errors.Is(err, typedmem.ErrBusy); {
				err = r.Close()
			}
		}
		testkit.Wants(t, "Shutdown or Close", err, nil)
		holds(t, path, <-appended)
	}
}

// What was appended under a pin while Close was syncing is synced too.
func TestAnAppendWithinCloseIsSynced(t *testing.T) {
	r, path := inFile(t, 10)
	unpin, err := r.Pin()
	testkit.Wants(t, "Pin", err, nil)
	var once sync.Once
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpFlush {
			once.Do(func() {
				if err := r.Append(10, 11); err != nil {
					t.Errorf("Append: %v", err)
				}
				unpin()
			})
		}
		return nil
	})
	err = r.Close()
	restore()
	testkit.Wants(t, "Close", err, nil)
	holds(t, path, 12)
}

// snapshots returns a call that makes a snapshot, checks that it has the elements from 0 on, and
// removes it.
func snapshots(t *testing.T, r *region.Region[uint64]) func() error {
	path := filepath.Join(testkit.FastDir(t), "snapshot")
	return func() error {
		if err := r.Snapshot(path); err != nil {
			return err
		}
		s, err := region.Open[uint64](path)
		if err != nil {
			return err
		}
		for i, x := range s.All() {
			if x != uint64(i) {
				err = errors.New("a snapshot has another element")
			}
		}
		return errors.Join(err, s.Close(), os.Remove(path))
	}
}

// Goroutines sync in the background, flush, follow, and make snapshots, while one appends. At every
// moment a reader finds whole elements, and after a Shutdown the file has all of them.
func TestBackgroundSync(t *testing.T) {
	testenv.PartialPages(t) // it maps ahead of the end of a file that grows
	n := testkit.Cond(testing.Short(), 5_000, 100_000)
	r, path := inFile(t, 0)
	reader, err := region.Open[uint64](path)
	testkit.Wants(t, "Open", err, nil)
	testkit.CloseLater(t, reader)
	var done atomic.Bool
	var group sync.WaitGroup
	for _, call := range []func() error{
		r.Sync,
		r.Sync,
		r.Flush,
		func() error { return r.FlushRange(0, r.Len()/2) },
		func() error { return r.Prefault(0, r.Len()) },
		func() error { _, err := r.Refresh(); return err },
		reader.Sync,
		snapshots(t, r),
		snapshots(t, reader),
		snapshots(t, reader),
		func() error {
			n, err := reader.Refresh()
			if err == nil && n > 0 && reader.At(n-1) != uint64(n-1) {
				err = errors.New("an element that is not whole")
			}
			return err
		},
		func() error {
			if err := r.Close(); !errors.Is(err, typedmem.ErrBusy) {
				return errors.New("closed beside a pin")
			}
			return nil
		},
	} {
		group.Add(1)
		go func() {
			defer group.Done()
			for !done.Load() && !t.Failed() {
				if err := call(); err != nil {
					t.Error(err)
				}
				runtime.Gosched()
			}
		}()
	}
	unpin, err := r.Pin()
	testkit.Wants(t, "Pin", err, nil)
	for i := range n {
		if err := r.Append(uint64(i)); err != nil || t.Failed() {
			t.Errorf("Append of element %d: %v", i, err)
			break
		}
	}
	done.Store(true)
	group.Wait()
	unpin()
	testkit.Wants(t, "Shutdown", r.Shutdown(context.Background()), nil)
	holds(t, path, n)
}

// A Sync keeps a Close and a shorter Resize out until it has written the length, too.
func TestASyncAtWorkKeepsTheLength(t *testing.T) {
	for _, within := range []string{"elements", "header"} {
		r, path := inFile(t, 10)
		entered, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		var once sync.Once
		restore := sys.Interpose(func(c sys.Call) error {
			if c.Op == sys.OpFlush && (c.Addr == r.Mapping().Addr()) == (within == "elements") {
				once.Do(func() {
					close(entered)
					<-release
				})
			}
			return nil
		})
		go func() { done <- r.Sync() }()
		<-entered
		testkit.Wants(t, "Resize", testkit.Returns(t, "Resize", func() error { return r.Resize(5) }), typedmem.ErrBusy)
		testkit.Wants(t, "Close", testkit.Returns(t, "Close", r.Close), typedmem.ErrBusy)
		testkit.Wants(t, "Append", testkit.Returns(t, "Append", func() error { return r.Append(10) }), nil)
		s := testkit.StartShutdown(t, r)
		s.Cancel()
		testkit.Wants(t, "Shutdown", s.Wait(t), context.Canceled, "pins left: 1 (a Sync")
		s = testkit.StartShutdown(t, r)
		testkit.Wants(t, "Sync beside it", testkit.Returns(t, "Sync", r.Sync), typedmem.ErrClosed, "Shutdown")
		close(release)
		testkit.Wants(t, "Sync", <-done, nil)
		restore()
		testkit.Wants(t, "Shutdown", s.Wait(t), nil)
		holds(t, path, 11)
	}
}

// Calls that change which memory is whose, beside a Shutdown: they happen before it or not at all.
func TestShutdownBesideSplitAndResize(t *testing.T) {
	n := options.AllocationGranularity() / 8
	for range 50 {
		r, err := region.New[uint64](2 * n)
		testkit.Wants(t, "New", err, nil)
		unpin, err := r.Pin()
		testkit.Wants(t, "Pin", err, nil)
		s := testkit.StartShutdown(t, r)
		_, err = r.SplitTo(n)
		testkit.Wants(t, "SplitTo beside a pin", err, typedmem.ErrBusy)
		var group sync.WaitGroup
		group.Add(1)
		go func() {
			defer group.Done()
			unpin()
		}()
		part, err := r.SplitOff(n)
		if err != nil && !errors.Is(err, typedmem.ErrBusy) && !errors.Is(err, typedmem.ErrClosed) {
			t.Errorf("SplitOff: %v", err)
		}
		testkit.Wants(t, "Shutdown", s.Wait(t), nil)
		group.Wait()
		testkit.Wants(t, "Resize", r.Resize(1), typedmem.ErrClosed)
		if part != nil {
			testkit.Wants(t, "Merge", r.Merge(part), typedmem.ErrClosed)
			testkit.Wants(t, "Shutdown of the part", part.Shutdown(context.Background()), nil)
		}
	}
}
