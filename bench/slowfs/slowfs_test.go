//go:build linux

package slowfs_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/typedmem/typedmem/bench/slowfs"
)

// TestMain lets the test binary be run itself, as the process that serves.
func TestMain(m *testing.M) {
	if was, err := slowfs.Child(); was {
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// mounted mounts a file of 8 different pages, none of them cached.
func mounted(t *testing.T) (f *slowfs.FS, path string, content []byte) {
	t.Helper()
	if why := slowfs.Missing(); why != "" {
		t.Skip(why)
	}
	backing, dir := t.TempDir(), t.TempDir()
	for i := range 8 {
		content = append(content, bytes.Repeat([]byte{byte(i + 1)}, os.Getpagesize())...)
	}
	if err := os.WriteFile(filepath.Join(backing, "file"), content, 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := slowfs.Mount(backing, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil || strings.Contains(string(mounts), dir) {
			t.Errorf("%s is still mounted (%v)", dir, err)
		}
	})
	return f, filepath.Join(dir, "file"), content
}

func counts(t *testing.T, f *slowfs.FS) slowfs.Counts {
	t.Helper()
	c, err := f.Counts()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// A page is read when it is touched, by itself and once, through a mapping as through a file, and
// again after Drop.
func TestEachPageIsReadAlone(t *testing.T) {
	f, path, content := mounted(t)
	file := open(t, path)
	mapped, err := syscall.Mmap(int(file.Fd()), 0, len(content), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(mapped)
	size := os.Getpagesize()
	for _, c := range []struct {
		page  int
		reads int64 // pages read up to now
	}{{5, 1}, {2, 2}, {3, 3}, {5, 3}, {0, 4}} {
		if got := mapped[c.page*size]; got != byte(c.page+1) {
			t.Errorf("page %d holds %d", c.page, got)
		}
		if got := counts(t, f).Pages; got != c.reads {
			t.Errorf("%d pages were read up to page %d, want %d", got, c.page, c.reads)
		}
	}
	if err := f.Drop(); err != nil {
		t.Fatal(err)
	}
	if got := mapped[5*size+size-1]; got != 6 {
		t.Errorf("after Drop page 5 holds %d", got)
	}
	if got := counts(t, f).Pages; got != 5 {
		t.Errorf("%d pages were read, want 5: Drop leaves a mapped page", got)
	}
	var b [8]byte
	if _, err := file.ReadAt(b[:], int64(size)); err != nil || b[0] != 2 {
		t.Errorf("page 1 holds %d (%v)", b[0], err)
	}
	if got := counts(t, f).Pages; got != 6 {
		t.Errorf("%d pages were read, want 6", got)
	}
}

// Reads wait side by side, not one after another.
func TestReadsRunAtOnce(t *testing.T) {
	f, path, content := mounted(t)
	if err := f.Delay(100 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	file := open(t, path)
	size := os.Getpagesize()
	var all sync.WaitGroup
	for i := range len(content) / size {
		all.Go(func() {
			var b [1]byte
			if _, err := file.ReadAt(b[:], int64(i*size)); err != nil || b[0] != byte(i+1) {
				t.Errorf("page %d: %d (%v)", i, b[0], err)
			}
		})
	}
	all.Wait()
	if c := counts(t, f); c.Pages != 8 || c.AtOnce < 2 {
		t.Errorf("%+v, want 8 pages, several at once", c)
	}
	if err := f.Reset(); err != nil {
		t.Fatal(err)
	}
	if c := counts(t, f); c != (slowfs.Counts{}) {
		t.Errorf("after Reset: %+v", c)
	}
}

// A broken page is EIO; the others are not.
func TestBrokenPage(t *testing.T) {
	f, path, _ := mounted(t)
	if err := f.Break("file", 3); err != nil {
		t.Fatal(err)
	}
	file := open(t, path)
	size := int64(os.Getpagesize())
	var b [1]byte
	if _, err := file.ReadAt(b[:], 3*size); !errors.Is(err, syscall.EIO) {
		t.Errorf("the broken page: %v", err)
	}
	if _, err := file.ReadAt(b[:], 4*size); err != nil || b[0] != 5 {
		t.Errorf("the page after it: %d, %v", b[0], err)
	}
}

// What is written is there after Drop, in new files as in old ones.
func TestWrites(t *testing.T) {
	f, path, _ := mounted(t)
	added := filepath.Join(filepath.Dir(path), "new")
	if err := os.WriteFile(added, []byte("before"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, added} {
		if _, err := open(t, p).WriteAt([]byte("written"), 2); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Drop(); err != nil {
		t.Fatal(err)
	}
	for p, want := range map[string]string{path: "\x01\x01written\x01", added: "bewritten"} {
		got, err := os.ReadFile(p)
		if err != nil || !strings.HasPrefix(string(got), want) {
			t.Errorf("%s: %.20q (%v)", p, got, err)
		}
	}
	if c := counts(t, f); c.Writes != 3 {
		t.Errorf("%d writes, want 3", c.Writes)
	}
	if err := os.Rename(added, path); err != nil {
		t.Error(err)
	}
}

// The mount goes although a file is still open.
func TestCloseWithAnOpenFile(t *testing.T) {
	var file *os.File
	t.Cleanup(func() { file.Close() }) // after the one of mounted
	f, path, _ := mounted(t)
	var err error
	if file, err = os.Open(path); err != nil {
		t.Fatal(err)
	}
	if c := counts(t, f); c.Pages != 0 {
		t.Errorf("%d pages were read by opening", c.Pages)
	}
}

// A directory that cannot be mounted is an error, and leaves no process.
func TestMountFails(t *testing.T) {
	if why := slowfs.Missing(); why != "" {
		t.Skip(why)
	}
	if f, err := slowfs.Mount("/nowhere", t.TempDir()); err == nil {
		t.Error("mounted", f.Close())
	} else if !strings.Contains(err.Error(), "/nowhere") {
		t.Error(err)
	}
}
