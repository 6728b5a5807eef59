package region_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// written makes a region file of n elements and returns its bytes.
func written[T any](t *testing.T, path string, n int) []byte {
	t.Helper()
	r, err := region.Create[T](path, n)
	if err == nil {
		err = r.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// contents puts other contents into a file, as cp does with one that exists.
func contents(t *testing.T, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0) // O_TRUNC is no different, but to Windows, which refuses it while the file is mapped
	if err == nil {
		_, err = f.WriteAt(b, 0)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A file over which another one was copied is not what the reader opened, nor what the writer may
// sync.
func TestAnotherFileCopiedOverAnOpenOne(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mine")
	written[int64](t, path, 5)
	other := written[float64](t, filepath.Join(dir, "other"), 500)
	same := written[int64](t, filepath.Join(dir, "same"), 9)
	r, err := region.Open[int64](path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, live := range []bool{false, true} { // no writer, or one whose live record is copied with the file
		if live {
			w, err := region.OpenMut[float64](filepath.Join(dir, "other"))
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if other, err = os.ReadFile(filepath.Join(dir, "other")); err != nil {
				t.Fatal(err)
			}
		}
		contents(t, path, other)
		for range 2 {
			n, err := r.Refresh()
			testkit.Wants(t, "Refresh of another type", err, typedmem.ErrLayout, "float64", path)
			if n != 0 || r.Len() != 5 {
				t.Fatal(n, r.Len())
			}
		}
	}
	contents(t, path, same) // with elements of the same type it is a file to follow
	if n, err := r.Refresh(); n != 9 || err != nil {
		t.Fatal(n, err)
	}
	w, err := region.OpenMut[int64](path)
	if err != nil {
		t.Fatal(err)
	}
	contents(t, path, other)
	testkit.Wants(t, "Append", w.Append(1), nil)
	testkit.Wants(t, "Sync over another type", w.Sync(), typedmem.ErrLayout, path)
	testkit.Wants(t, "Close over another type", w.Close(), typedmem.ErrLayout, path)
	testkit.Wants(t, "a second Close", w.Close(), typedmem.ErrClosed)
}

// A reader opens a file beside a writer that syncs all the time, and finds a header in it each
// time.
func TestOpenBesideASyncingWriter(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "typedmem") // there a Sync takes no time
	if err != nil {
		dir = t.TempDir()
	} else {
		defer os.RemoveAll(dir)
	}
	path := filepath.Join(dir, "r")
	opens := 20_000
	if testing.Short() || runtime.GOOS == "windows" {
		opens = 1000
	}
	w, err := region.Create[manyFields](path, 0)
	if err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	ended := make(chan error)
	go func() {
		for !done.Load() {
			err := w.Append(manyFields{})
			if err == nil {
				err = w.Sync()
			}
			if err == nil && w.Len() > 1000 {
				err = w.Resize(0)
			}
			if err != nil {
				ended <- err
				return
			}
		}
		ended <- w.Close()
	}()
	for range opens {
		r, err := region.Open[manyFields](path)
		if err == nil {
			err = r.Close()
		}
		if err != nil {
			t.Error(err)
			break
		}
	}
	done.Store(true)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// manyFields has 192 fields, so that its header takes a while to read and to write.
type manyFields struct{ A, B, C, D, E, F eight }

type eight struct{ A, B, C, D, E, F, G, H four }

type four struct{ A, B, C, D uint16 }
