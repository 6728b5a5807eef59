package region_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

var private = region.FileOptions{CopyOnWrite: true}

// What is written to a private copy reaches neither the file nor anybody else, by no way.
func TestAPrivateCopyNeverWritesTheFile(t *testing.T) {
	dir := testenv.OpenDir(t)
	path := filepath.Join(dir, "r")
	r := testkit.Must(region.Create[uint64](path, 10_000))(t)
	r.View().Fill(7)
	testkit.Check(t, r.Close())
	testkit.Check(t, os.Chmod(path, 0o444))
	t.Cleanup(func() { _ = os.Chmod(path, 0o666) })
	before := testkit.Must(os.ReadFile(path))(t)
	for _, o := range []region.FileOptions{private, {Write: true, CopyOnWrite: true}} {
		var c *region.Region[uint64]
		testenv.AsUser(t, func() { c = testkit.Must(region.OpenFile[uint64](path, o))(t) })
		other := testkit.Must(region.OpenFile[uint64](path, o))(t)
		for i := range c.Len() {
			if c.At(i) != 7 {
				t.Fatalf("element %d is %d", i, c.At(i))
			}
		}
		c.View().Fill(8)
		c.Slice()[9] = 9
		c.Mapping().Bytes()[80] = 1
		testkit.Check(t, errors.Join(c.Flush(), c.FlushRange(0, 9), c.Sync(), c.Mapping().Flush(0, c.Mapping().Len())))
		if c.At(0) != 8 || c.At(9) != 9 || other.At(0) != 7 || other.At(9) != 7 {
			t.Errorf("the copy has %d and %d, another one %d and %d", c.At(0), c.At(9), other.At(0), other.At(9))
		}
		testkit.Check(t, errors.Join(c.Close(), other.Close()))
		if after := testkit.Must(os.ReadFile(path))(t); !bytes.Equal(before, after) {
			t.Error("the file has changed")
		}
	}
}

// A private copy beside a writer: its pages stay once they are changed, and so does its length.
func TestAPrivateCopyBesideAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	page, _ := options.PageSize()
	n := page / 8 // elements in a page
	w := testkit.Must(region.Create[uint64](path, 4*n))(t)
	testkit.CloseLater(t, w)
	w.View().Fill(1)
	c := testkit.Must(region.OpenFile[uint64](path, private))(t)
	testkit.CloseLater(t, c)
	c.Set(0, 2)
	testkit.Check(t, w.Append(5))
	w.View().Fill(3)
	testkit.Check(t, w.Sync())
	if c.At(0) != 2 || c.At(1) != 1 || w.At(0) != 3 {
		t.Errorf("a changed page has %d and %d, the writer %d", c.At(0), c.At(1), w.At(0))
	}
	if x := c.At(3 * n); x != 1 && x != 3 { // mmap(2) leaves open which
		t.Errorf("an unchanged page has %d", x)
	}
	if got, err := c.Refresh(); got != 4*n || err != nil || c.Len() != 4*n {
		t.Errorf("%d elements, %v", got, err)
	}
	testkit.Check(t, w.Close())
	testkit.Check(t, c.Close())
	r := testkit.Must(region.Open[uint64](path))(t)
	testkit.CloseLater(t, r)
	if r.Len() != 4*n+1 || r.At(0) != 3 || r.At(4*n) != 3 {
		t.Errorf("the file has %d elements, %d and %d", r.Len(), r.At(0), r.At(4*n))
	}
}
