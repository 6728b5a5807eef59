package region_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/region"
)

// A closed file is free for the next writer while the program starts child processes: between fork
// and exec a child has every descriptor of its parent.
func TestAClosedFileIsFreeWhileChildrenStart(t *testing.T) {
	testenv.Processes(t)
	program, err := os.Executable()
	if err != nil {
		t.Skip("the test binary does not know its name: ", err)
	}
	path := filepath.Join(t.TempDir(), "r")
	r, err := region.Create[int64](path, 1)
	if err == nil {
		err = r.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	children := 150
	if testing.Short() {
		children = 40
	}
	var starting sync.WaitGroup
	var done atomic.Bool
	starting.Add(1)
	go func() {
		defer starting.Done()
		defer done.Store(true)
		for range children {
			if err := exec.Command(program, "-test.run=^$").Run(); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	defer starting.Wait()
	for !done.Load() {
		r, err := region.OpenMut[int64](path)
		if err == nil {
			err = r.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Every way to close a locked file unlocks it, no matter who else has a handle of the open file.
func TestEveryCloseUnlocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	var copies []*os.File // as a child has them that is being started
	defer func() {
		for _, f := range copies {
			f.Close()
		}
	}()
	defer sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpLockFile {
			f, err := sys.Duplicate(c.File)
			copies = append(copies, f)
			return err
		}
		return nil
	})()
	for name, use := range map[string]func() error{
		"Close": func() error {
			r, err := region.OpenMut[int64](path)
			if err != nil {
				return err
			}
			return r.Close()
		},
		"another type": func() error {
			if _, err := region.OpenMut[float32](path); err == nil {
				return errors.New("opened")
			}
			return nil
		},
		"a constructor that fails late": func() error {
			failed := errors.New("failed")
			defer sys.Interpose(func(c sys.Call) error {
				if c.Op == sys.OpMap && c.File != nil && c.Offset > 0 {
					return failed
				}
				if c.Op == sys.OpLockFile {
					f, err := sys.Duplicate(c.File)
					copies = append(copies, f)
					return err
				}
				return nil
			})()
			if _, err := region.OpenMut[int64](path); !errors.Is(err, failed) {
				return err
			}
			return nil
		},
	} {
		if r, err := region.Create[int64](path, 1); err == nil {
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		}
		before := len(copies)
		if err := use(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(copies) == before {
			t.Fatalf("%s: no lock was taken", name)
		}
		r, err := region.OpenMut[int64](path)
		if err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
