//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package container

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
)

// A new file has the permission bits that os.OpenFile would give it, whatever the umask, and
// nothing else ever had more access to it than the owner. What a killed Create leaves can be
// removed by its owner.
func TestPermissionBitsGoThroughTheUmask(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o022))
	for _, umask := range []int{0, 0o022, 0o027, 0o077} {
		for _, perm := range []fs.FileMode{0, 0o666, 0o600, 0o640, 0o444, 0o400, 0o200, 0o777} {
			t.Run(fmt.Sprintf("%03o %03o", umask, perm), func(t *testing.T) {
				dir := testenv.OpenDir(t)
				syscall.Umask(umask)
				model := testkit.Must(os.OpenFile(filepath.Join(dir, "model"), os.O_CREATE|os.O_RDWR, perm))(t)
				defer model.Close()
				want := testkit.Must(model.Stat())(t).Mode()

				path := filepath.Join(dir, "x")
				c := testkit.Must(Create(path, specOf[record](KindRegion), perm))(t)
				if mode := testkit.Must(c.f.Stat())(t).Mode(); mode != want|ownerMode {
					t.Errorf("the unnamed file has mode %v, want %v and the owner's", mode, want)
				}
				restore := sys.Interpose(func(call sys.Call) error {
					if call.Op == sys.OpNameFile {
						if mode := testkit.Must(call.File.Stat())(t).Mode(); mode != want {
							t.Errorf("the file is named with mode %v, want %v", mode, want)
						}
					}
					return nil
				})
				testkit.Check(t, c.Link(1))
				restore()
				testkit.Check(t, c.Close(-1))
				if mode := testkit.Must(os.Stat(path))(t).Mode(); mode != want {
					t.Errorf("the file has mode %v, want %v", mode, want)
				}
			})
		}
	}
}

// A Create that was killed just before it gave a read-only file its name leaves a file that nobody
// may write to. The next one removes it.
func TestAReadOnlyLeftoverIsRemoved(t *testing.T) {
	dir := testenv.OpenDir(t)
	path := filepath.Join(dir, "x")
	testenv.AsUser(t, func() {
		testkit.Check(t, os.WriteFile(temporaryName(path, 3), nil, 0o444))
		c := testkit.Must(Create(path, specOf[record](KindRegion), 0o444))(t)
		testkit.Check(t, c.Link(1))
		testkit.Check(t, c.Close(-1))
	})
	listed(t, dir, "x")
}
