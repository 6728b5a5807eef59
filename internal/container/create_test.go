package container

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/typedmem/typedmem/internal/sys"
)

// listed fails unless the directory holds these names, in order.
func listed(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
}

func TestCreatedFileAppearsWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	c, err := Create(path, specOf[record](KindRegion), 0o666)
	if err != nil {
		t.Fatal(err)
	}
	if c.Handle().Name() != path {
		t.Errorf("the handle is called %s", c.Handle().Name())
	}
	listed(t, dir, ".x.typedmem-0")
	if _, err := opens(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	// Everything is on the device before the file gets its name.
	clean := false
	restore := sys.Interpose(func(call sys.Call) error {
		switch call.Op {
		case sys.OpSyncFile, sys.OpFlush:
			clean = true
		case sys.OpNameFile:
			if !clean {
				t.Error("the file is named before it is on the device")
			}
			b, err := os.ReadFile(filepath.Join(dir, ".x.typedmem-0"))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, "y"), b, 0o666)
		}
		return nil
	})
	err = c.Link(5)
	restore()
	if err != nil {
		t.Fatal(err)
	}
	listed(t, dir, "x", "y")
	for _, name := range []string{"x", "y"} { // y is what is there after a failure of the system
		if n, err := opens(filepath.Join(dir, name)); n != 5 || err != nil {
			t.Errorf("%s: %d elements, %v", name, n, err)
		}
	}
	if err := c.Close(-1); err != nil {
		t.Fatal(err)
	}
}

// A file that appears while another one of that name is being made stays, and of the other one
// nothing does.
func TestCreateThatComesTooLate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	var both [2]*File
	for i := range both {
		c, err := Create(path, specOf[record](KindRegion), 0o666)
		if err != nil {
			t.Fatal(err)
		}
		both[i] = c
	}
	if err := both[1].Link(7); err != nil {
		t.Fatal(err)
	}
	if err := both[0].Link(3); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), path+": ") {
		t.Error(err)
	}
	if err := both[0].Discard(); err != nil {
		t.Error(err)
	}
	listed(t, dir, "x")
	if _, err := Create(path, specOf[record](KindRegion), 0o666); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if err := both[1].Close(-1); err != nil {
		t.Error(err)
	}
	if n, err := opens(path); n != 7 || err != nil {
		t.Error(n, err)
	}
}

// What killed creates left is removed by the next one; what a create at work has made, and what is
// no file, stays.
func TestLeftoversAreRemoved(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	working, err := Create(path, specOf[record](KindRegion), 0o666)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(temporaryName(path, 4), 0o777); err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{1, 3, 7} {
		if err := os.WriteFile(temporaryName(path, i), nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Create(path, specOf[record](KindRegion), 0o666)
	if err != nil {
		t.Fatal(err)
	}
	listed(t, dir, ".x.typedmem-0", ".x.typedmem-1", ".x.typedmem-4")
	if err := errors.Join(c.Link(0), c.Close(-1), working.Discard()); err != nil {
		t.Fatal(err)
	}
	listed(t, dir, ".x.typedmem-4", "x")
}

// Of many creates of one name at once one makes the file, and the others say that it is there.
func TestCreatesOfOneName(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	var all sync.WaitGroup
	made := make(chan *File, 3*temporaries)
	for range 3 * temporaries {
		all.Add(1)
		go func() {
			defer all.Done()
			c, err := Create(path, specOf[record](KindRegion), 0o666)
			if err == nil {
				if err = c.Link(0); err == nil {
					made <- c
					return
				}
				if e := c.Discard(); e != nil {
					t.Error(e)
				}
			}
			if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	close(made)
	n := 0
	for c := range made {
		n++
		if err := c.Close(-1); err != nil {
			t.Error(err)
		}
	}
	if n != 1 {
		t.Errorf("%d creates of one file", n)
	}
	listed(t, dir, "x")
}

// Whichever call fails, Create and Link leave nothing.
func TestFailedCreateLeavesNothing(t *testing.T) {
	failed := errors.New("failed")
	for fails := 0; ; fails++ {
		dir := t.TempDir()
		calls := 0
		restore := sys.Interpose(func(c sys.Call) error {
			switch c.Op {
			case sys.OpCreateFile, sys.OpLockFile, sys.OpAllocate, sys.OpReserve, sys.OpMap, sys.OpFlush, sys.OpSyncFile, sys.OpNameFile:
				if calls++; calls == fails+1 {
					return failed
				}
			}
			return nil
		})
		c, err := Create(filepath.Join(dir, "x"), specOf[record](KindRegion), 0o666)
		if err == nil {
			if err = c.Link(0); err != nil {
				err = errors.Join(err, c.Discard())
			}
		}
		restore()
		if err == nil {
			if calls > fails {
				t.Fatalf("the failure of call %d is lost", fails)
			}
			if err := c.Close(-1); err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, failed) {
			t.Fatal(err)
		}
		listed(t, dir)
	}
}

// The name of a file may be as long as the file system allows.
func TestLongName(t *testing.T) {
	for _, name := range []string{strings.Repeat("n", 255), strings.Repeat("ä", 127)} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o666); err != nil {
			t.Skip("the file system takes no such name: ", err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		c, err := Create(path, specOf[record](KindRegion), 0o666)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(c.Link(1), c.Close(-1)); err != nil {
			t.Fatal(err)
		}
		listed(t, dir, name)
	}
	if a, b := temporaryName(strings.Repeat("n", 255), 0), temporaryName(strings.Repeat("n", 254)+"m", 0); a == b {
		t.Error("two files share a temporary name")
	}
}

// Without a directory there is no file, and the error names the path that was asked for.
func TestCreateWithoutDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none", "x")
	if _, err := Create(path, specOf[record](KindRegion), 0o666); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path+": ") {
		t.Error(err)
	}
}

// Of two processes that create a file at the same time one may be killed after the other was
// faster. What it leaves goes with the next open-or-create.
func TestOpenRemovesLeftovers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	spec := specOf[record](KindRegion)
	c, err := Create(path, spec, 0o666)
	if err == nil {
		err = errors.Join(c.Link(1), c.Close(-1))
	}
	if err == nil {
		err = os.WriteFile(temporaryName(path, 5), nil, 0o666)
	}
	if err == nil {
		c, err = OpenOrCreate(path, func() (*File, error) { return Open(path, spec, true) }, nil)
	}
	if err == nil {
		err = c.Close(-1)
	}
	if err != nil {
		t.Fatal(err)
	}
	listed(t, dir, "x")
}
