package shell_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// made returns what a constructor made, for Close alone.
func made[C io.Closer](c C, err error) (io.Closer, error) { return c, err }

// constructors are those that region and slab both have.
type constructors struct {
	new           func(n int) (io.Closer, error)
	newOfPointers func(n int) (io.Closer, error)
	mapped        func(o options.Options) (io.Closer, error)
	create        func(path string, n int) (io.Closer, error)
	openFile      func(path string, write, create bool, n int, f flags.Map) (io.Closer, error)
	open          func(path string) (io.Closer, error)
	openMut       func(path string) (io.Closer, error)
}

var both = map[string]constructors{
	"region": {
		new:           func(n int) (io.Closer, error) { return made(region.New[uint64](n)) },
		newOfPointers: func(n int) (io.Closer, error) { return made(region.New[*int](n)) },
		mapped:        func(o options.Options) (io.Closer, error) { return made(region.MapMut[uint64](o)) },
		create:        func(path string, n int) (io.Closer, error) { return made(region.Create[uint64](path, n)) },
		openFile: func(path string, write, create bool, n int, f flags.Map) (io.Closer, error) {
			return made(region.OpenFile[uint64](path, region.FileOptions{Write: write, Create: create, Len: n, Flags: f}))
		},
		open:    func(path string) (io.Closer, error) { return made(region.Open[uint64](path)) },
		openMut: func(path string) (io.Closer, error) { return made(region.OpenMut[uint64](path)) },
	},
	"slab": {
		new:           func(n int) (io.Closer, error) { return made(slab.New[uint64](n)) },
		newOfPointers: func(n int) (io.Closer, error) { return made(slab.New[*int](n)) },
		mapped:        func(o options.Options) (io.Closer, error) { return made(slab.Map[uint64](1, o)) },
		create:        func(path string, n int) (io.Closer, error) { return made(slab.Create[uint64](path, n)) },
		openFile: func(path string, write, create bool, n int, f flags.Map) (io.Closer, error) {
			return made(slab.OpenFile[uint64](path, slab.FileOptions{Write: write, Create: create, Capacity: n, Flags: f}))
		},
		open:    func(path string) (io.Closer, error) { return made(slab.Open[uint64](path)) },
		openMut: func(path string) (io.Closer, error) { return made(slab.OpenMut[uint64](path)) },
	},
}

// The same mistake is the same error in both packages, with the same operation.
func TestConstructorsAgree(t *testing.T) {
	for name, c := range both {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			fails := func(what, op string, want error) func(io.Closer, error) {
				return func(_ io.Closer, err error) {
					t.Helper()
					var wrapped *typedmem.Error
					if !errors.Is(err, want) || !errors.As(err, &wrapped) || wrapped.Op != op {
						t.Errorf("%s: %v, which is not %v of %q", what, err, want, op)
					}
				}
			}
			fails("a negative number", "new", typedmem.ErrSize)(c.new(-1))
			fails("too many", "new", typedmem.ErrSize)(c.new(int(^uint(0) >> 1)))
			fails("a type with a pointer", "new", typedmem.ErrType)(c.newOfPointers(1))
			fails("a negative size", "map", typedmem.ErrSize)(c.mapped(options.New(-1)))

			file := filepath.Join(dir, "file")
			fails("a negative number in a file", "create", typedmem.ErrSize)(c.create(file, -1))
			fails("a negative number in OpenFile", "open", typedmem.ErrSize)(c.openFile(file, true, true, -1, 0))
			fails("Create without Write", "open", typedmem.ErrOperation)(c.openFile(file, false, true, 1, 0))
			fails("huge pages", "open", typedmem.ErrOperation)(c.openFile(file, true, true, 1, flags.HugePages))
			if name == "slab" {
				fails("Debug without Write", "open", typedmem.ErrOperation)(made(slab.OpenFile[uint64](file, slab.FileOptions{Debug: true})))
			}
			fails("no file in OpenFile", "open", fs.ErrNotExist)(c.openFile(file, true, false, 1, 0))
			fails("no file", "open", fs.ErrNotExist)(c.open(file))
			fails("no file to write", "open", fs.ErrNotExist)(c.openMut(file))
			fails("a directory", "open", typedmem.ErrOperation)(c.open(dir))

			writer, err := c.create(file, 1)
			if err != nil {
				t.Fatal(err)
			}
			fails("a file that exists", "create", fs.ErrExist)(c.create(file, 1))
			fails("a second writer", "open", typedmem.ErrBusy)(c.openMut(file))
			if err := writer.Close(); err != nil {
				t.Fatal(err)
			}
			for other, o := range both {
				if other != name {
					fails("a file of the other package", "open", typedmem.ErrLayout)(o.open(file))
				}
			}
			if err := os.Truncate(file, 100); err != nil {
				t.Fatal(err)
			}
			fails("a file that was cut off", "open", typedmem.ErrTruncated)(c.open(file))
		})
	}
}
