package container

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
)

// over makes a file of n elements that takes the name of the one at path.
func over(t *testing.T, path string, n int) error {
	t.Helper()
	c := testkit.Must(CreateOver(path, specOf[record](KindRegion), 0o666))(t)
	testkit.Check(t, c.Fill(DataOffset+int64(n)*int64(c.header.elemSize)))
	return c.Finish(n)
}

func skipWhereOpenFilesKeepTheirNames(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a file that is open keeps its name on Windows")
	}
}

// A writer that has opened a file, and locks it only after another file has taken its name, gets
// the other file: what it wrote to the first one would be lost.
func TestWriterOfAReplacedFile(t *testing.T) {
	skipWhereOpenFilesKeepTheirNames(t)
	path := filepath.Join(t.TempDir(), "x")
	testkit.Check(t, over(t, path, 1))
	replaced := false
	defer sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpLockFile && !replaced && c.File.Name() == path {
			replaced = true
			testkit.Check(t, over(t, path, 2))
		}
		return nil
	})()
	c := testkit.Must(Open(path, specOf[record](KindRegion), true))(t)
	testkit.CloseLater(t, closer{c})
	if !replaced || c.Length() != 2 {
		t.Errorf("the writer has the file of %d elements", c.Length())
	}
	listed(t, filepath.Dir(path), "x")
}

// The device begins with what is written while the rest is being written, and where the system
// refuses that the file is as whole.
func TestLongWritesAreBegunEarly(t *testing.T) {
	for _, refusal := range []error{nil, errors.ErrUnsupported} {
		path := filepath.Join(t.TempDir(), "x")
		data := make([]byte, 3*writeStep+100)
		for i := range data {
			data[i] = byte(i / 100)
		}
		n := len(data) / int(specOf[record](KindRegion).Layout.Size)
		c := testkit.Must(Create(path, specOf[record](KindRegion), 0o666))(t)
		var begun []int64
		restore := sys.Interpose(func(c sys.Call) error {
			if c.Op != sys.OpWriteBehind {
				return nil
			}
			if info := testkit.Must(c.File.Stat())(t); info.Size() < c.Offset+int64(c.Len) {
				t.Errorf("%d bytes at %d of %d that are written", c.Len, c.Offset, info.Size())
			}
			begun = append(begun, c.Offset, int64(c.Len))
			return refusal
		})
		testkit.Check(t, c.Write(data, DataOffset))
		testkit.Check(t, c.Fill(DataOffset+int64(len(data))))
		testkit.Check(t, c.Finish(n))
		restore()
		const at = DataOffset
		if want := []int64{at, writeStep, at + writeStep, writeStep, at + 2*writeStep, writeStep}; !slices.Equal(begun, want) {
			t.Errorf("begun early: %v, want %v", begun, want)
		}
		if got := testkit.Must(os.ReadFile(path))(t); !bytes.Equal(got[at:at+len(data)], data) {
			t.Errorf("%v: the file has other bytes", refusal)
		}
	}
}

// The same is true of what is copied from another file, where that is not cloned.
func TestCopiesAreBegunEarly(t *testing.T) {
	from := testkit.Must(os.Open(made(t, 100)))(t)
	defer from.Close()
	end := testkit.Must(from.Stat())(t).Size()
	for _, refusal := range []error{nil, errors.ErrUnsupported} {
		c := testkit.Must(Create(filepath.Join(t.TempDir(), "x"), specOf[record](KindRegion), 0o666))(t)
		var copied, begun int64
		restore := sys.Interpose(func(c sys.Call) error {
			switch c.Op {
			case sys.OpCloneRange:
				return errors.ErrUnsupported
			case sys.OpCopyRange:
				copied += int64(c.Len)
			case sys.OpWriteBehind:
				begun += int64(c.Len)
				return refusal
			}
			return nil
		})
		testkit.Check(t, c.CopyFrom(from, DataOffset, end, func(int64, int64) error { return nil }))
		restore()
		if copied != end-DataOffset || begun != copied {
			t.Errorf("%d bytes of %d are copied, and %d begun early", copied, end-DataOffset, begun)
		}
		testkit.Check(t, c.Finish(100))
	}
}

// A writer whose file is replaced each time gives up.
func TestWriterOfAFileReplacedForever(t *testing.T) {
	skipWhereOpenFilesKeepTheirNames(t)
	path := filepath.Join(t.TempDir(), "x")
	testkit.Check(t, over(t, path, 1))
	inside := false
	defer sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpLockFile && !inside && c.File.Name() == path {
			inside = true
			testkit.Check(t, over(t, path, 2))
			inside = false
		}
		return nil
	})()
	_, err := Open(path, specOf[record](KindRegion), true)
	testkit.Is(t, err, typedmem.ErrBusy)
}

// A file that is gone when its writer locks it does not exist.
func TestWriterOfARemovedFile(t *testing.T) {
	skipWhereOpenFilesKeepTheirNames(t)
	path := filepath.Join(t.TempDir(), "x")
	testkit.Check(t, over(t, path, 1))
	defer sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpLockFile {
			testkit.Check(t, os.Remove(path))
		}
		return nil
	})()
	if _, err := Open(path, specOf[record](KindRegion), true); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

type closer struct{ c *File }

func (c closer) Close() error { return c.c.Close(-1) }

// A file that Finish has named has no writer, and can be opened at once; before it had no name.
func TestFinish(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	for i := range 2 {
		c := testkit.Must(CreateOver(path, specOf[record](KindRegion), 0o666))(t)
		testkit.Check(t, c.Fill(DataOffset))
		if i == 0 {
			listed(t, dir, ".x.typedmem-0")
		}
		testkit.Check(t, c.Finish(0))
		listed(t, dir, "x")
		w := testkit.Must(Open(path, specOf[record](KindRegion), true))(t)
		if w.Left() != LeftClosed {
			t.Errorf("its writer left it as %d", w.Left())
		}
		testkit.Check(t, w.Close(-1))
	}
	if _, err := Create(path, specOf[record](KindRegion), 0o666); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
}

// CopyFrom notices a source that ends too early.
func TestCopyFromAShortFile(t *testing.T) {
	c := testkit.Must(Create(filepath.Join(t.TempDir(), "x"), specOf[record](KindRegion), 0o666))(t)
	src := testkit.File(t, make([]byte, 200_000))
	none := func(int64, int64) error { return nil }
	testkit.Check(t, c.CopyFrom(src, DataOffset, 200_000, none))
	testkit.Is(t, c.CopyFrom(src, DataOffset, 200_001, none), typedmem.ErrTruncated)
	testkit.Check(t, c.Discard())
}
