package region_test

import (
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/region"
)

// calls returns the system calls of do that f chooses.
func calls(f func(sys.Call) bool, do func()) (n int) {
	defer sys.Interpose(func(c sys.Call) error {
		if f(c) {
			n++
		}
		return nil
	})()
	do()
	return n
}

// A header that a killed writer had written and not flushed is flushed by the next writer when it
// opens the file, though its length is the one to be synced: a Close would sync nothing.
func TestOpenMutFlushesTheHeaderThatAKilledWriterLeft(t *testing.T) {
	path, copied := t.TempDir()+"/r", t.TempDir()+"/copy"
	const before = 5000 // no page of elements alone is as long as a header copy
	r, err := region.Create[int64](path, before)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Sync(), r.Append(1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	killed := errors.New("killed")
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpFlush && c.Len == 16<<10 && c.Addr != r.Mapping().Addr() { // a header copy is written, and about to be flushed
			if _, err := os.Stat(copied); err == nil {
				return killed
			}
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(copied, b, 0o666)
			}
			return errors.Join(err, killed)
		}
		return nil
	})
	err = r.Sync()
	restore()
	if !errors.Is(err, killed) {
		t.Fatal(err)
	}
	defer r.Close()
	var s *region.Region[int64]
	header := func(c sys.Call) bool { return c.Op == sys.OpFlush && c.Len == 16<<10 && c.Addr != r.Mapping().Addr() }
	if n := calls(header, func() { s, err = region.OpenMut[int64](copied) }); n != 1 || err != nil || s.Len() != before+3 {
		t.Fatalf("%d flushes of a header copy, %v", n, err)
	}
	if n := calls(header, func() { err = s.Sync() }); n != 0 || err != nil { // it has nothing to do
		t.Fatalf("%d flushes of a header copy, %v", n, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// The entry of a file in its directory is on the device when a Sync acknowledges what the file
// holds, no matter who made the file.
func TestTheFirstSyncOfAWriterSyncsTheDirectory(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("windows: the file system logs entries itself")
	}
	path := t.TempDir() + "/r"
	r, err := region.Create[int64](path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err = region.OpenMut[int64](path); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Append(1); err != nil {
		t.Fatal(err)
	}
	directory := func(c sys.Call) bool { return c.Op == sys.OpSyncFile }
	for want := 1; want >= 0; want-- {
		if n := calls(directory, func() { err = r.Sync() }); n != want || err != nil {
			t.Fatalf("the directory was synced %d times, %d wanted, %v", n, want, err)
		}
	}
}

// A reader that knows a length of two sessions ago still reads: what the file lost is zero, not
// gone.
func TestAReaderOutlivesTwoWriters(t *testing.T) {
	path := t.TempDir() + "/r"
	w, err := region.Create[int64](path, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	w.Set(99_999, 7)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := region.Open[int64](path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, n := range []int{10, 10, 5} {
		w, err := region.OpenMut[int64](path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Resize(n), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := typedmem.Guard(func() error {
		if x := r.At(99_999); x != 0 {
			t.Errorf("the last element is %d", x)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// killedAfter has a writer do something to the file and leaves the file as if it had then been
// killed.
func killedAfter[T any](t *testing.T, path string, do func(w *region.Region[T]) error) {
	t.Helper()
	w, err := region.OpenMut[T](path)
	if err == nil {
		err = errors.Join(do(w), w.Sync())
	}
	if err != nil {
		t.Fatal(err)
	}
	const at = 32 << 10 // the live record, of FORMAT.md
	b, err := os.ReadFile(path)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(b[at:at+56], at)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// The same where one of the writers was killed, before or after it cut the file or another one did.
func TestAReaderOutlivesAKilledWriter(t *testing.T) {
	shrink := func(w *region.Region[int64]) error { return w.Resize(10) }
	nothing := func(*region.Region[int64]) error { return nil }
	for name, sessions := range map[string][2]func(*region.Region[int64]) error{
		"that cut the file":        {nothing, shrink},
		"after one that cut it":    {shrink, nothing},
		"that appended after that": {shrink, func(w *region.Region[int64]) error { return w.Append(1) }},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir() + "/r"
			w, err := region.Create[int64](path, 100_000)
			if err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			r, err := region.Open[int64](path)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if w, err = region.OpenMut[int64](path); err == nil {
				err = errors.Join(sessions[0](w), w.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
			killedAfter(t, path, sessions[1])
			if w, err = region.OpenMut[int64](path); err == nil {
				err = w.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			var x int64
			if err := typedmem.Guard(func() error { x = r.At(99_999); return nil }); err != nil || x != 0 {
				t.Fatal(x, err)
			}
		})
	}
}

// A type that takes no bytes is none to cast to.
func TestCastToNothingIsRefused(t *testing.T) {
	if _, err := region.Cast[struct{}](region.View[struct{}]{}); !errors.Is(err, typedmem.ErrType) {
		t.Fatal(err)
	}
	if _, err := region.Cast[struct{}](region.View[int64]{}); !errors.Is(err, typedmem.ErrType) {
		t.Fatal(err)
	}
}

// Refresh may run in several goroutines of a reader; under the race detector this shows that they
// do not meet.
func TestRefreshInSeveralGoroutines(t *testing.T) {
	path := t.TempDir() + "/r"
	w, err := region.Create[int64](path, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r, err := region.Open[int64](path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var readers sync.WaitGroup
	for range 3 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for n := 0; n < 100; {
				m, err := r.Refresh()
				if err != nil || m < n {
					t.Errorf("%d elements after %d: %v", m, n, err)
					return
				}
				n = m
			}
		}()
	}
	for i := range int64(99) {
		if err := w.Append(i); err != nil {
			t.Fatal(err)
		}
	}
	readers.Wait()
}
