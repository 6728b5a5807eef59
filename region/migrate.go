package region

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// Progress says how far a migration has come, in elements.
type Progress struct{ Done, Len int }

// Migrate changes the element type of the region file at path from Old to New. At every instant,
// through crashes of the program and the system, the path names the old file or the new one, whole.
// When Migrate returns the new file is on the device. A file that is of type New already is left as
// it is, with a nil error, so that a program can call Migrate at each start.
//
// convert is called for each element in order. If it is nil, fields are copied that agree by name,
// in nested structs and arrays too, of arrays the elements that both have. Other fields of New are
// zero. Fields that New does not have are lost. Fields of one name and different kinds, or types
// without a common field, are [typedmem.ErrType].
//
// Migrate is the file's writer until it returns. The new file keeps the row width, the permission
// bits and, as far as the process may set them, the owner and group. The file grows to its new size
// beside the old one. Readers that have the old file open keep it. Windows replaces no file that is
// open: with a reader the error is the system's. For an instant before the new file gets its name
// another writer can open the old one. Then Migrate returns the same error, or if that writer has
// closed the file by then, what it wrote is lost: on Windows start no writer meanwhile.
//
// On error the old file is as it was:
//   - [typedmem.ErrBusy]: a writer has the file open.
//   - [typedmem.ErrLayout]: it is neither of type Old nor New.
//   - [typedmem.ErrTruncated], [typedmem.ErrCorrupt]: as from [Open].
//   - [io/fs.ErrNotExist]: there is no such file.
//   - An error that wraps the system's: the disk is full, say. If only the last step fails, the
//     sync of the directory, the path names the new file; power failure may bring the old one back.
//
// [MigrateSteps] reports the progress on long files.
func Migrate[New, Old any](path string, convert func(Old) New) error {
	for _, err := range MigrateSteps(path, convert) {
		if err != nil {
			return err
		}
	}
	return nil
}

// MigrateSteps is [Migrate] in steps of about a MiB. It yields how far it has come after each step,
// or an error, which is the last pair. Breaking off the loop leaves the old file; the file is
// replaced after the last step. If the unfinished file cannot be removed then, the next call that
// creates a file of that name removes it. Where nothing is to do it yields nothing.
func MigrateSteps[New, Old any](path string, convert func(Old) New) iter.Seq2[Progress, error] {
	return func(yield func(Progress, error) bool) {
		on := true
		err := migrateSteps(path, convert, func(p Progress) bool { on = yield(p, nil); return on })
		if err = shell.Fail("migrate", printing.Named(path, err)); err != nil && on {
			yield(Progress{}, err)
		}
	}
}

func migrateSteps[New, Old any](path string, convert func(Old) New, step func(Progress) bool) (err error) {
	g := migration{to: shell.LayoutOf[New](), from: shell.LayoutOf[Old]()}
	if err := errors.Join(checkFileType(g.to), checkFileType(g.from)); err != nil {
		return err
	}
	var moves []move
	if convert == nil && g.to.Type != g.from.Type {
		if moves, err = agree(g.to.Type, g.from.Type); err != nil {
			return err
		}
	}
	if needed, err := g.open(path); err != nil || !needed {
		return err
	}
	defer func() { err = errors.Join(err, g.end()) }()
	part := max(1, int(1<<20/max(g.to.Size, g.from.Size)))
	olds, news, err := buffers[Old, New](part)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, olds.Close(), news.Close()) }()
	in, out := olds.core.bytes(olds.Mapping(), 0, part*int(g.from.Size)), news.core.bytes(news.Mapping(), 0, part*int(g.to.Size))
	length := g.old.Length()
	for done := 0; done < length; {
		n := min(part, length-done)
		if err := g.old.ReadInto(in[:n*int(g.from.Size)], container.DataOffset+int64(done)*int64(g.from.Size)); err != nil {
			return err
		}
		for i := range n {
			if convert != nil {
				*news.Ptr(i) = convert(*olds.Ptr(i))
				continue
			}
			x, y := out[i*int(g.to.Size):], in[i*int(g.from.Size):]
			for _, m := range moves {
				copy(x[m.to:m.to+m.n], y[m.from:m.from+m.n])
			}
		}
		if err := g.new.Write(out[:n*int(g.to.Size)], container.DataOffset+int64(done)*int64(g.to.Size)); err != nil {
			return err
		}
		if done += n; !step(Progress{done, length}) {
			return nil
		}
	}
	return g.replace(length)
}

// buffers makes two regions of n elements in memory.
func buffers[Old, New any](n int) (olds *Region[Old], news *Region[New], err error) {
	if olds, err = newBuffer[Old](n); err != nil {
		return nil, nil, err
	}
	if news, err = newBuffer[New](n); err != nil {
		return nil, nil, errors.Join(err, olds.Close())
	}
	return olds, news, nil
}

func newBuffer[T any](n int) (*Region[T], error) {
	c, err := newInMemory(n, shell.LayoutOf[T]())
	return show[T]("new", c, err)
}

// migration has the two files of a Migrate, both locked.
type migration struct {
	to, from *layout.Layout
	old, new *container.File
}

// open opens the file of the old type, and begins the one that will replace it. needed is false if
// the file is of the new type.
func (g *migration) open(path string) (needed bool, err error) {
	if info, err := os.Lstat(path); err != nil {
		return false, err
	} else if info.Mode().Type() == fs.ModeSymlink { // it stays one
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return false, err
		}
	}
	if done, err := g.isNew(path); done || err != nil {
		return false, err
	}
	if g.old, err = container.Open(path, spec(g.from, 0), true); err != nil {
		if done, e := g.isNew(path); done && e == nil { // another process has converted it
			return false, nil
		}
		return false, err
	}
	err = g.old.Whole(container.DataOffset + int64(g.old.Length())*int64(g.from.Size))
	if err == nil {
		_, err = shell.Bytes(g.old.Length(), g.to)
	}
	if err == nil {
		g.new, err = container.CreateOver(path, spec(g.to, g.old.Width()), 0o600) // Adopt gives it those of the old one; nobody else may open it before
	}
	if err == nil {
		err = g.new.Adopt(g.old)
	}
	if err != nil {
		return false, errors.Join(err, g.end())
	}
	return true, nil
}

// isNew reports whether the file is of the new type.
func (g *migration) isNew(path string) (bool, error) {
	f, err := container.Open(path, spec(g.to, 0), false)
	if errors.Is(err, typedmem.ErrLayout) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, f.Abandon()
}

// replace puts the new file, of n elements, in the place of the old one.
func (g *migration) replace(n int) error {
	if err := g.new.Fill(container.DataOffset + int64(n)*int64(g.to.Size)); err != nil {
		return err
	}
	f := g.new
	g.new = nil
	if err := f.Finish(n); err != nil {
		return fmt.Errorf("the new file: %w", err)
	}
	return nil
}

// end closes the files. A new one that has not replaced the old one is removed.
func (g *migration) end() (err error) {
	if g.new != nil {
		err = g.new.Discard()
	}
	return errors.Join(err, g.old.Abandon())
}
