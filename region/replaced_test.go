package region_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// replacements are the ways in which a path comes to name another file, or none. The other file is
// at path+".new".
var replacements = map[string]struct {
	do       func(path string) error
	notThere bool
}{
	"renamed over": {do: func(path string) error {
		err := os.Rename(path+".new", path)
		if err != nil { // Windows: no file replaces one that is mapped
			err = errors.Join(os.Rename(path, path+".old"), os.Rename(path+".new", path))
		}
		return err
	}},
	"renamed away, made anew": {do: func(path string) error {
		return errors.Join(os.Rename(path, path+".old"), os.Rename(path+".new", path))
	}},
	"another kind of file": {do: func(path string) error {
		return errors.Join(os.Rename(path, path+".old"), os.Mkdir(path, 0o777))
	}},
	"renamed away": {notThere: true, do: func(path string) error { return os.Rename(path, path+".old") }},
	"its directory renamed": {notThere: true, do: func(path string) error {
		return os.Rename(filepath.Dir(path), filepath.Dir(path)+".old")
	}},
	"its directory replaced by a file": {notThere: true, do: func(path string) error {
		dir := filepath.Dir(path)
		return errors.Join(os.Rename(dir, dir+".old"), os.WriteFile(dir, nil, 0o666))
	}},
	"a link that points elsewhere": {do: func(path string) error {
		return errors.Join(os.Remove(path), os.Symlink(path+".new", path))
	}},
}

// Refresh and Sync say that the path names another file, of whatever kind, or none. What is open
// goes on as it was.
func TestReplacedFile(t *testing.T) {
	for name, c := range replacements {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d")
			testkit.Check(t, os.Mkdir(dir, 0o777))
			path := filepath.Join(dir, "r")
			written[int64](t, path+".new", 100)
			if name == "a link that points elsewhere" {
				written[int64](t, path+".first", 0)
				err := os.Symlink(path+".first", path)
				if err == nil {
					_, err = os.Stat(path) // Wine makes links that it does not follow
				}
				if err != nil {
					t.Skip("no symbolic links here: ", err)
				}
			} else {
				written[int64](t, path, 0)
			}
			w, err := region.OpenMut[int64](path)
			testkit.Check(t, err)
			defer w.Close()
			r, err := region.Open[int64](path)
			testkit.Check(t, err)
			defer r.Close()
			testkit.Check(t, w.Append(1, 2))
			if n, err := r.Refresh(); n != 2 || err != nil {
				t.Fatal(n, err)
			}
			testkit.Check(t, w.Sync())
			old := r.View()
			if err := c.do(path); err != nil {
				if os.IsPermission(err) { // Windows: of a directory with an open file in it
					t.Skip("not possible here: ", err)
				}
				t.Fatal(err)
			}
			testkit.Check(t, w.Append(3)) // before anybody asks
			for range 2 {
				n, err := r.Refresh()
				testkit.Wants(t, "Refresh of a reader", err, typedmem.ErrReplaced, path, "open the path again")
				if n != 3 || r.Len() != 3 || r.At(2) != 3 {
					t.Fatal("Refresh returns", n)
				}
				if errors.Is(err, fs.ErrNotExist) != c.notThere {
					t.Fatal(err)
				}
			}
			n, err := w.Refresh()
			testkit.Wants(t, "Refresh of the writer", err, typedmem.ErrReplaced, path)
			if n != 3 {
				t.Fatal(n)
			}
			testkit.Wants(t, "Sync of the writer", w.Sync(), typedmem.ErrReplaced, path)
			testkit.Wants(t, "Sync of a reader", r.Sync(), typedmem.ErrReplaced, path)
			if old.At(1) != 2 {
				t.Fatal(old.At(1))
			}
			testkit.Check(t, r.Close())
			testkit.Check(t, w.Append(4))
			testkit.Check(t, w.Close()) // syncs without a word
		})
	}
}

// What a Sync that returns ErrReplaced has written is durable: the file has it under its new name.
func TestSyncOfAReplacedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	w, err := region.Create[int64](path, 0)
	testkit.Check(t, err)
	defer w.Close()
	testkit.Check(t, w.Append(1, 2))
	testkit.Check(t, os.Rename(path, path+".old"))
	synced := 0
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpFlush {
			synced++
		}
		return nil
	})
	err = w.Sync()
	restore()
	testkit.Wants(t, "Sync", err, typedmem.ErrReplaced)
	if synced == 0 {
		t.Fatal("nothing was flushed")
	}
	testkit.Check(t, os.Rename(path+".old", path))
	testkit.Check(t, w.Sync()) // it is back
}

// Whatever keeps the path from being looked up is no replacement.
func TestPathThatCannotBeLookedUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	w, err := region.Create[int64](path, 1)
	testkit.Check(t, err)
	defer w.Close()
	for _, refusal := range []error{fs.ErrPermission, syscall.EACCES, syscall.EIO, syscall.ENAMETOOLONG, errors.ErrUnsupported} {
		asked := 0
		restore := sys.Interpose(func(c sys.Call) error {
			if c.Op == sys.OpStatFile {
				asked++
				return &fs.PathError{Op: "stat", Path: c.Path, Err: refusal}
			}
			return nil
		})
		n, err := w.Refresh()
		err = errors.Join(err, w.Sync())
		restore()
		if err != nil || n != 1 || asked != 2 {
			t.Fatal(refusal, n, err, asked)
		}
	}
}

// A relative path means what it meant when the file was opened, and ".." in it what the system
// takes it for.
func TestRelativePathAfterChdir(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	testkit.Check(t, os.MkdirAll("there/below", 0o777))
	linked := os.Symlink(filepath.Join(dir, "there", "below"), "link") == nil
	paths := []string{"r", "./there/../r2", filepath.Join("there", "r3")}
	if linked {
		paths = append(paths, "link/../r4") // in there
	}
	for i, path := range paths {
		t.Chdir(dir)
		w, err := region.Create[int64](path, 1)
		testkit.Check(t, err)
		defer w.Close()
		r, err := region.Open[int64](path)
		testkit.Check(t, err)
		defer r.Close()
		t.Chdir(t.TempDir())
		_, err = r.Refresh()
		if err = errors.Join(err, w.Sync()); err != nil {
			t.Fatal(path, err)
		}
		testkit.Check(t, os.Rename(dir+"/"+path, fmt.Sprint(dir, "/away", i)))
		_, err = r.Refresh()
		testkit.Wants(t, path, err, typedmem.ErrReplaced, path)
		testkit.Wants(t, path, w.Sync(), typedmem.ErrReplaced, path)
	}
	t.Chdir(dir) // Windows does not remove a directory that is a process's own
}

// Memory without a path is never replaced, and neither is a file that the program opened itself.
func TestNoPathIsNeverReplaced(t *testing.T) {
	r := numbered(t, 3, func(i int) int64 { return int64(i) })
	n, err := r.Refresh()
	if err = errors.Join(err, r.Sync()); n != 3 || err != nil {
		t.Fatal(n, err)
	}
}
