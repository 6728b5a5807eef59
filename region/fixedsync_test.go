package region_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// sharedFile opens a new file of n zeros as one of several writers.
func sharedFile(t *testing.T, n int) (r *region.Region[uint64], path string) {
	t.Helper()
	path = filepath.Join(testkit.FastDir(t), "r")
	r = testkit.Must(region.OpenFile[uint64](path, region.FileOptions{Write: true, Create: true, Shared: true, Len: n}))(t)
	testkit.CloseLater(t, r)
	return r, path
}

// privateCopy opens a private copy of a file of the elements 0 to n-1.
func privateCopy(t *testing.T, n int) *region.Region[uint64] {
	t.Helper()
	w, path := inFile(t, n)
	testkit.Check(t, w.Close())
	r := testkit.Must(region.OpenFile[uint64](path, region.FileOptions{CopyOnWrite: true}))(t)
	testkit.CloseLater(t, r)
	return r
}

// beside runs each call again and again until do returns. No call may fail.
func beside(t *testing.T, calls []func() error, do func()) {
	t.Helper()
	var done atomic.Bool
	var group sync.WaitGroup
	for _, call := range calls {
		group.Add(1)
		go func() {
			defer group.Done()
			for !done.Load() {
				if err := call(); err != nil {
					t.Error(err)
					return
				}
				runtime.Gosched()
			}
		}()
	}
	do()
	done.Store(true)
	group.Wait()
}

// backgroundCalls returns the calls that may run beside changes of elements.
func backgroundCalls(r *region.Region[uint64]) []func() error {
	return []func() error{
		r.Sync,
		r.Sync,
		r.Flush,
		func() error { return r.Prefault(0, r.Len()) },
		func() error { _, err := r.Refresh(); return err },
		func() error {
			if err := r.Close(); !errors.Is(err, typedmem.ErrBusy) {
				return errors.New("closed beside a pin")
			}
			return nil
		},
	}
}

// Several writers of one file count with atomics while each syncs in the background. After the
// Shutdown of one the others work on, and in the end the file has every count.
func TestBackgroundSyncOfSeveralWriters(t *testing.T) {
	first, path := sharedFile(t, 10)
	second := testkit.Must(region.OpenFile[uint64](path, region.FileOptions{Write: true, Shared: true}))(t)
	testkit.CloseLater(t, second)
	n := testkit.Cond(testing.Short(), 2_000, 50_000)
	count := func(r *region.Region[uint64]) {
		for i := range n {
			atomic.AddUint64(r.Ptr(i%10), 1)
			runtime.Gosched()
		}
	}
	unpin, unpinSecond := testkit.Must(first.Pin())(t), testkit.Must(second.Pin())(t)
	beside(t, append(backgroundCalls(first), backgroundCalls(second)...), func() {
		var group sync.WaitGroup
		for _, r := range []*region.Region[uint64]{first, second} {
			group.Add(1)
			go func() { defer group.Done(); count(r) }()
		}
		group.Wait()
	})
	ending := testkit.StartShutdown(t, first)
	beside(t, []func() error{first.Sync, second.Sync}, func() { count(first) }) // with the pin
	unpin()
	testkit.Wants(t, "Shutdown", ending.Wait(t), nil)
	count(second)
	testkit.Check(t, second.Sync())
	unpinSecond()
	testkit.Wants(t, "Shutdown of the other one", second.Shutdown(context.Background()), nil)
	r := testkit.Must(region.Open[uint64](path))(t)
	testkit.CloseLater(t, r)
	for i, x := range r.All() {
		if x != uint64(4*n/10) {
			t.Errorf("count %d is %d, want %d", i, x, 4*n/10)
		}
	}
}

// A private copy may be synced in the background, too; it and Shutdown write nothing to the file.
func TestBackgroundSyncOfAPrivateCopy(t *testing.T) {
	n := testkit.Cond(testing.Short(), 2_000, 50_000)
	r := privateCopy(t, 1000)
	path := r.Mapping().File()
	before := testkit.Must(os.ReadFile(path))(t)
	unpin := testkit.Must(r.Pin())(t)
	beside(t, backgroundCalls(r), func() {
		for i := range n {
			r.Set(i%1000, uint64(i))
			runtime.Gosched()
		}
	})
	ending := testkit.StartShutdown(t, r)
	r.Set(0, 7)
	testkit.Check(t, r.Sync())
	if x := r.At(0); x != 7 {
		t.Error(x)
	}
	unpin()
	testkit.Wants(t, "Shutdown", ending.Wait(t), nil)
	if after := testkit.Must(os.ReadFile(path))(t); !slices.Equal(after, before) {
		t.Error("the file has changed")
	}
}
