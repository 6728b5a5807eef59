//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package region_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// childInDirectory creates, syncs and opens a file in a directory that it cannot read.
func childInDirectory(dir string) int {
	if _, err := os.ReadDir(dir); err == nil {
		fmt.Println("the directory can be read")
		return 1
	}
	entries := 0
	sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpSyncEntry {
			entries++
		}
		return nil
	})
	path := filepath.Join(dir, "r")
	r, err := region.Create[pair](path, 1)
	if err == nil {
		err = errors.Join(r.Append(pair{1, 2}), r.Sync(), r.Sync(), r.Close())
	}
	if err == nil {
		if r, err = region.OpenMut[pair](path); err == nil {
			err = errors.Join(r.Append(pair{3, 4}), r.Close())
		}
	}
	if err != nil || entries != 2 {
		fmt.Println("entries made durable:", entries, err)
		return 1
	}
	return 0
}

// Create needs of a directory what any new file needs: to write and to search it. Its entry becomes
// durable all the same.
func TestCreateInADirectoryThatCannotBeRead(t *testing.T) {
	testenv.Processes(t)
	self, err := os.Executable()
	if err != nil {
		t.Skip("the test binary does not know its name: ", err)
	}
	dir, err := os.MkdirTemp("", "typedmem") // below t.TempDir others may not search
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	// A copy of the program, which another user can run wherever the test was built.
	program := filepath.Join(dir, "program")
	b, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(program, b, 0o755)
	}
	closed := filepath.Join(dir, "closed")
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.Mkdir(closed, 0o777), os.Chmod(closed, 0o333)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "TYPEDMEM_ROLE=directory", "TYPEDMEM_REGION="+closed)
	cmd.Dir = dir
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err := errors.Join(err, os.Chmod(closed, 0o777)); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if left := testkit.Names(t, closed); len(left) != 1 {
		t.Errorf("%q are left", left)
	}
}

func init() { roles["directory"] = childInDirectory }
