package slab_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/slab"
)

// TestCreateChild creates files until it is killed.
func TestCreateChild(t *testing.T) {
	dir := os.Getenv("TYPEDMEM_CREATE_DIR")
	if dir == "" {
		t.Skip("runs as the child of TestKilledCreatesLeaveWholeFilesOrNone")
	}
	for i := 0; ; i++ {
		s := must[*slab.Slab[claim]](t)(slab.Create[claim](filepath.Join(dir, fmt.Sprintf("%d-%d", os.Getpid(), i)), 1000))
		must[slab.Handle[claim]](t)(s.Insert(newClaim(uint64(i), 0)))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A process that creates slab files is killed, again and again: each file is there whole or not at all, for who opens it meanwhile too, and what
// else is left goes with the next create of that name.
func TestKilledCreatesLeaveWholeFilesOrNone(t *testing.T) {
	testenv.Processes(t)
	kills := 80
	if testing.Short() {
		kills = 8
	}
	if n, err := strconv.Atoi(os.Getenv("TYPEDMEM_CREATE_KILLS")); err == nil {
		kills = n
	}
	program, err := os.Executable()
	if err != nil {
		t.Skip("the test binary does not know its name: ", err)
	}
	dir := t.TempDir()
	names := func() (list []string) {
		for _, e := range must[[]os.DirEntry](t)(os.ReadDir(dir)) {
			list = append(list, e.Name())
		}
		return list
	}
	leftovers, whole := 0, 0
	for range kills {
		cmd := exec.Command(program, "-test.run=^TestCreateChild$", "-test.timeout=1m")
		cmd.Env = append(os.Environ(), "TYPEDMEM_CREATE_DIR="+dir)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{})
		go func() {
			_ = cmd.Wait()
			close(ended)
		}()
		var deadline time.Time
		for killed := false; !killed; {
			list := names()
			if deadline.IsZero() && len(list) > 0 { // it has begun
				deadline = time.Now().Add(time.Duration(rand.IntN(4000)) * time.Microsecond)
			}
			if killed = !deadline.IsZero() && time.Now().After(deadline); killed {
				_ = cmd.Process.Kill()
			}
			for _, name := range list {
				if strings.HasPrefix(name, ".") {
					continue
				}
				s, err := slab.Open[claim](filepath.Join(dir, name))
				if err == nil {
					err = s.Close()
				}
				if err != nil {
					_ = cmd.Process.Kill()
					t.Fatal(err)
				}
			}
			select {
			case <-ended:
				if !killed {
					t.Fatalf("the child ended: %s", &out)
				}
			default:
			}
		}
		<-ended
		for _, name := range names() {
			path := filepath.Join(dir, name)
			var s *slab.Slab[claim]
			if strings.HasPrefix(name, ".") {
				leftovers++
				path = filepath.Join(dir, strings.TrimSuffix(strings.TrimPrefix(name, "."), ".typedmem-0"))
				s, err = slab.Create[claim](path, 10)
			} else {
				whole++
				s, err = slab.OpenMut[claim](path)
			}
			if err == nil {
				err = errors.Join(s.Close(), os.Remove(path))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if left := names(); len(left) > 0 {
			t.Fatalf("%q are left", left)
		}
	}
	t.Logf("%d whole files, %d leftovers", whole, leftovers)
}

// Whatever call fails, Create leaves no file.
func TestFailedCreateLeavesNothing(t *testing.T) {
	failed := errors.New("failed")
	for _, cfg := range []slab.Config{{}, {Debug: true}} {
		for fails, more := 1, true; more; fails++ {
			dir := t.TempDir()
			calls := 0
			restore := sys.Interpose(func(c sys.Call) error {
				switch c.Op {
				case sys.OpCreateFile, sys.OpLockFile, sys.OpAllocate, sys.OpMap, sys.OpFlush, sys.OpSyncFile, sys.OpNameFile:
					if calls++; calls == fails {
						return failed
					}
				}
				return nil
			})
			s, err := slab.CreateWith[claim](filepath.Join(dir, "s"), 10, cfg)
			restore()
			if more = err != nil; !more {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				continue
			}
			is(t, err, failed)
			if left := must[[]os.DirEntry](t)(os.ReadDir(dir)); len(left) > 0 {
				t.Fatalf("call %d: %v is left", fails, left)
			}
		}
	}
}
