//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem/internal/testkit"
)

// Each way to name a file moves it and replaces none, and so does the choice among them.
func TestNamingReplacesNothing(t *testing.T) {
	all := namings
	t.Cleanup(func() { namings = all })
	refusals := []error{unix.ENOSYS, unix.EPERM, unix.EACCES, unix.EINVAL, unix.EOPNOTSUPP}
	for i := range len(all) * len(refusals) {
		refuse := func(string, string) error { return refusals[i/len(all)] }
		namings = append([]func(from, to string) error{refuse}, all[i%len(all):]...)
		dir := t.TempDir()
		f, err := CreateFile(dir+"/from", dir+"/to", 0o666)
		testkit.Check(t, err)
		defer f.Close()
		if f.Name() != dir+"/to" {
			t.Errorf("the handle is called %s", f.Name())
		}
		_, err = f.WriteString("new")
		testkit.Check(t, err)
		testkit.Check(t, os.WriteFile(dir+"/to", []byte("old"), 0o666))
		if err := NameFile(f, dir+"/from", dir+"/to"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over a file: %v", err)
		}
		if b, err := os.ReadFile(dir + "/to"); string(b) != "old" || err != nil {
			t.Errorf("the file that was there is %q, %v", b, err)
		}
		testkit.Check(t, os.Remove(dir+"/to"))
		testkit.Check(t, NameFile(f, dir+"/from", dir+"/to"))
		if b, err := os.ReadFile(dir + "/to"); string(b) != "new" || err != nil {
			t.Errorf("the file is %q, %v", b, err)
		}
		if left, err := os.ReadDir(dir); len(left) != 1 || err != nil {
			t.Errorf("%v, %v", left, err)
		}
	}
	if _, err := CreateFile(t.TempDir()+"/none/file", "name", 0o666); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
