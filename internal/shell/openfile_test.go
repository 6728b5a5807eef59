package shell_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// mode is a row of the table: the fields of FileOptions that are set.
type mode string

func (m mode) has(field string) bool { return strings.Contains(string(m), field) }

// documented is a package that opens files, and its table.
type documented struct {
	source string
	fields []string // the columns, in order
	open   func(path string, m mode, perm fs.FileMode) (io.Closer, error)
	other  map[string]func(path string) (io.Closer, error) // what else may have made a file
}

var packages = map[string]documented{
	"region": {
		source: "../../region/doc.go",
		fields: []string{"Write", "Create", "Shared", "CopyOnWrite"},
		open: func(path string, m mode, perm fs.FileMode) (io.Closer, error) {
			return made(region.OpenFile[uint64](path, region.FileOptions{
				Write: m.has("Write"), Create: m.has("Create"), Shared: m.has("Shared"), CopyOnWrite: m.has("CopyOnWrite"), Len: 3, Width: 3, Capacity: 100, Perm: perm,
			}))
		},
		other: map[string]func(path string) (io.Closer, error){
			"another type": func(path string) (io.Closer, error) { return made(region.Create[int64](path, 3)) },
			"another kind": func(path string) (io.Closer, error) { return made(slab.Create[uint64](path, 3)) },
			"another width": func(path string) (io.Closer, error) {
				return made(region.OpenFile[uint64](path, region.FileOptions{Write: true, Create: true, Len: 4, Width: 4}))
			},
			"no width": func(path string) (io.Closer, error) { return made(region.Create[uint64](path, 3)) },
			"more than the capacity": func(path string) (io.Closer, error) {
				return made(region.OpenFile[uint64](path, region.FileOptions{Write: true, Create: true, Len: 102, Width: 3}))
			},
		},
	},
	"slab": {
		source: "../../slab/doc.go",
		fields: []string{"Write", "Create"},
		open: func(path string, m mode, perm fs.FileMode) (io.Closer, error) {
			return made(slab.OpenFile[uint64](path, slab.FileOptions{Write: m.has("Write"), Create: m.has("Create"), Capacity: 100, Perm: perm}))
		},
		other: map[string]func(path string) (io.Closer, error){
			"another type":     func(path string) (io.Closer, error) { return made(slab.Create[int64](path, 100)) },
			"another kind":     func(path string) (io.Closer, error) { return made(region.Create[uint64](path, 3)) },
			"another capacity": func(path string) (io.Closer, error) { return made(slab.Create[uint64](path, 99)) },
		},
	},
}

// outcomes are the words of the tables.
var outcomes = map[string]error{
	"made": nil, "opened for reading": nil, "opened for writing": nil, "opened by several": nil, "a private copy": nil,
	"fs.ErrNotExist": fs.ErrNotExist,
}

// table reads the table of a package comment: for each mode what it does without a file and with
// one.
func (d documented) table(t *testing.T) map[mode][2]string {
	t.Helper()
	source := string(testkit.Must(os.ReadFile(d.source))(t))
	rows := regexp.MustCompile(`(?m)^//\t((?:(?:-|yes) +){`+fmt.Sprint(len(d.fields))+`})(.+?)  +(.+)$`).FindAllStringSubmatch(source, -1)
	table := map[mode][2]string{}
	for _, row := range rows {
		var m mode
		for i, set := range strings.Fields(row[1]) {
			if set == "yes" {
				m += mode(d.fields[i] + " ")
			}
		}
		for _, word := range row[2:] {
			if _, known := outcomes[word]; !known {
				t.Fatalf("%s: %q is no outcome", row[0], word)
			}
		}
		table[m] = [2]string{row[2], row[3]}
	}
	if len(table) < 3 {
		t.Fatalf("%s has no table", d.source)
	}
	return table
}

// Every combination of the fields meets every kind of file, and does what the package comment says:
// it opens or makes the file, or returns an error that names the path, and leaves all as it was.
func TestOpenFileDoesWhatItsTableSays(t *testing.T) {
	for name, d := range packages {
		t.Run(name, func(t *testing.T) {
			table := d.table(t)
			for bits := range 1 << len(d.fields) {
				var m mode
				for i, f := range d.fields {
					if bits>>i&1 == 1 {
						m += mode(f + " ")
					}
				}
				row, allowed := table[m]
				if !allowed {
					row = [2]string{"an error", "an error"}
				}
				t.Run(string(m), func(t *testing.T) { d.everyFile(t, m, row, allowed) })
			}
		})
	}
}

// everyFile opens every kind of file in the mode m.
func (d documented) everyFile(t *testing.T, m mode, row [2]string, allowed bool) {
	missing, exists := outcomes[row[0]], outcomes[row[1]]
	writes := m.has("Write") && !m.has("CopyOnWrite")
	type cell struct {
		make func(t *testing.T, path string)
		want error
		note string
	}
	file := func(t *testing.T, path string) {
		testkit.Check(t, testkit.Must(d.open(path, "Write Create ", 0))(t).Close())
		testkit.Check(t, os.Chmod(path, 0o666)) // whatever the umask is
	}
	if !allowed {
		missing, exists = typedmem.ErrOperation, typedmem.ErrOperation
	}
	or := func(err error) error { // a refused combination is refused whatever the file is
		if !allowed {
			return typedmem.ErrOperation
		}
		return err
	}
	cells := map[string]cell{
		"no file": {func(*testing.T, string) {}, missing, row[0]},
		"a file":  {file, exists, row[1]},
		"a file that may only be read": {func(t *testing.T, path string) {
			file(t, path)
			testkit.Check(t, os.Chmod(path, 0o444))
			t.Cleanup(func() { _ = os.Chmod(path, 0o666) }) // Windows removes no read-only file
			testenv.AsUser(t, func() {
				if f, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
					_ = f.Close()
					t.Skip("this account may write to read-only files")
				}
			})
		}, exists, row[1]},
		"an empty file": {func(t *testing.T, path string) {
			testkit.Check(t, os.WriteFile(path, nil, 0o666))
			testkit.Check(t, os.Chmod(path, 0o666))
		}, or(typedmem.ErrTruncated), ""},
		"text": {func(t *testing.T, path string) {
			testkit.Check(t, os.WriteFile(path, []byte(strings.Repeat("text", 1<<15)), 0o666))
			testkit.Check(t, os.Chmod(path, 0o666))
		}, or(typedmem.ErrCorrupt), ""},
		"a directory": {func(t *testing.T, path string) { testkit.Check(t, os.Mkdir(path, 0o777)) }, or(typedmem.ErrOperation), ""},
		"a link to a file": {func(t *testing.T, path string) {
			file(t, path+" itself")
			link(t, path+" itself", path)
		}, exists, row[1]},
		"a link to nothing":   {func(t *testing.T, path string) { link(t, path+" itself", path) }, or(fs.ErrNotExist), ""},
		"a link to itself":    {func(t *testing.T, path string) { link(t, path, path) }, or(errAny), ""},
		"a missing directory": {nil, or(fs.ErrNotExist), ""},
		"a directory that may not be written to": {func(t *testing.T, path string) {
			if runtime.GOOS == "windows" {
				t.Skip("Windows directories have no permission bits")
			}
			testkit.Check(t, os.Chmod(filepath.Dir(path), 0o555))
			t.Cleanup(func() { _ = os.Chmod(filepath.Dir(path), 0o777) })
		}, missing, ""},
	}
	if c := cells["a file that may only be read"]; writes && allowed {
		c.want = fs.ErrPermission
		cells["a file that may only be read"] = c
	}
	if c := cells["a directory that may not be written to"]; missing == nil {
		c.want = fs.ErrPermission
		cells["a directory that may not be written to"] = c
	}
	for what, make := range d.other {
		cells[what] = cell{func(t *testing.T, path string) {
			testkit.Check(t, testkit.Must(make(path))(t).Close())
			testkit.Check(t, os.Chmod(path, 0o666))
		}, or(typedmem.ErrLayout), ""}
	}
	for what, c := range cells {
		t.Run(what, func(t *testing.T) {
			dir := testenv.OpenDir(t)
			path := filepath.Join(dir, "the file")
			if c.make == nil {
				path = filepath.Join(dir, "none", "the file")
			} else {
				c.make(t, path)
			}
			before := contents(t, dir)
			var opened io.Closer
			var err error
			testenv.AsUser(t, func() { opened, err = d.open(path, m, 0o640) })
			if c.want != nil {
				if err == nil || c.want != errAny && !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
					t.Fatalf("the error is %v, want %v that names %s", err, c.want, path)
				}
				if after := contents(t, dir); after != before {
					t.Errorf("the directory holds\n%swhere it held\n%s", after, before)
				}
				return
			}
			testkit.Check(t, err)
			d.opened(t, path, m, c.note, opened)
			if after := contents(t, dir); row[0] != "made" && after != before && !writes {
				t.Errorf("the directory holds\n%swhere it held\n%s", after, before)
			}
		})
	}
}

// errAny stands for an error that differs between systems.
var errAny = errors.New("any error")

// opened checks that what was opened is what the table calls it, and closes it.
func (d documented) opened(t *testing.T, path string, m mode, note string, c io.Closer) {
	if m.has("Write") && !m.has("CopyOnWrite") {
		if _, err := d.open(path, "Write ", 0); !errors.Is(err, typedmem.ErrBusy) {
			t.Errorf("%s, and another writer is told %v", note, err)
		}
	}
	switch r := c.(type) {
	case *region.Region[uint64]:
		if r.Len() != 3 {
			t.Errorf("%d elements", r.Len())
		}
		err := r.Append(1, 2, 3)
		switch note {
		case "made", "opened for writing":
			if m.has("Shared") {
				testkit.Is(t, err, typedmem.ErrOperation, note)
				break
			}
			testkit.Check(t, err, note)
			testkit.Check(t, r.Resize(3))
		case "opened for reading":
			testkit.Is(t, err, typedmem.ErrProtection, note)
		default:
			testkit.Is(t, err, typedmem.ErrOperation, note)
		}
	case *slab.Slab[uint64]:
		_, err := r.Insert(1)
		if note == "opened for reading" {
			testkit.Is(t, err, typedmem.ErrProtection, note)
		} else {
			testkit.Check(t, err, note)
		}
	}
	testkit.Check(t, c.Close())
	if note == "made" && runtime.GOOS != "windows" {
		if info := testkit.Must(os.Stat(path))(t); info.Mode().Perm()&^0o640 != 0 || info.Mode().Perm()&0o600 != 0o600 {
			t.Errorf("the new file has mode %v", info.Mode())
		}
	}
}

// Without Perm a new file has the mode of one that os.Create makes.
func TestANewFileHasTheModeOfOsCreate(t *testing.T) {
	dir := t.TempDir()
	model := testkit.Must(os.Create(filepath.Join(dir, "model")))(t)
	defer model.Close()
	want := testkit.Must(model.Stat())(t).Mode()
	for what, make := range map[string]func(path string) (io.Closer, error){
		"region": func(path string) (io.Closer, error) { return region.Create[uint64](path, 1) },
		"slab":   func(path string) (io.Closer, error) { return slab.Create[uint64](path, 1) },
	} {
		path := filepath.Join(dir, what)
		testkit.Check(t, testkit.Must(make(path))(t).Close())
		if mode := testkit.Must(os.Stat(path))(t).Mode(); mode != want {
			t.Errorf("%s: %v, want %v", what, mode, want)
		}
	}
}

func link(t *testing.T, to, path string) {
	err := os.Symlink(to, path)
	if err == nil {
		_, err = os.Readlink(path) // Wine says that it has made one
	}
	if err != nil {
		t.Skip("this system makes no symbolic links: ", err)
	}
}

// contents says what a directory holds, to the byte.
func contents(t *testing.T, dir string) string {
	var b strings.Builder
	for _, e := range testkit.Must(os.ReadDir(dir))(t) {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			data = nil
		}
		fmt.Fprintf(&b, "%s %v %d %x\n", e.Name(), e.Type(), len(data), sum(data))
	}
	return b.String()
}

func sum(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}
