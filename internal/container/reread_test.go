package container

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem"
)

// A reader that sees both copies of the header half-written reads again: a writer was at them, one
// after the other. It gives up when what it reads is unusable and does not change.
func TestReaderSeesBothCopiesHalfWritten(t *testing.T) {
	path := made(t, 12345)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	torn := func(round byte) []byte {
		b := bytes.Clone(whole[:liveOffset])
		for _, at := range []int{72, copySpace + 72} { // the sequence numbers, of a header whose checksum is not yet written
			b[at] ^= 0x55 + round
		}
		return b
	}
	t.Cleanup(func() { beforeRead = func() {} })
	for name, open := range map[string]func() (int, error){
		"open": func() (int, error) { return opens(path) },
		"refresh": func() (int, error) {
			overwrite(t, path, 0, whole[:liveOffset])
			c, err := Open(path, specOf[record](KindRegion), false)
			if err != nil {
				return 0, err
			}
			defer c.Close(-1)
			overwrite(t, path, 0, torn(0))
			return c.Refresh()
		},
	} {
		reads := 0
		overwrite(t, path, 0, torn(0))
		beforeRead = func() {
			if reads++; reads <= 10 && !(name == "refresh" && reads == 1) {
				overwrite(t, path, 0, torn(byte(reads)))
			} else {
				overwrite(t, path, 0, whole[:liveOffset])
			}
		}
		if n, err := open(); n != 12345 || err != nil {
			t.Errorf("%s: length %d, %v", name, n, err)
		}
		if reads < 10 {
			t.Errorf("%s: %d reads", name, reads)
		}
		reads = 0
		beforeRead = func() {
			if reads++; name == "open" || reads > 1 {
				overwrite(t, path, 0, torn(0))
			}
		}
		if n, err := open(); !errors.Is(err, typedmem.ErrCorrupt) {
			t.Errorf("%s of damaged copies: length %d, %v, want ErrCorrupt", name, n, err)
		}
		if reads > 10 {
			t.Errorf("%s of damaged copies: %d reads", name, reads)
		}
	}
}

// Refresh of a slab file takes no other slab's file for it, of the same type neither.
func TestRefreshOfAnotherSlab(t *testing.T) {
	dir := t.TempDir()
	bytesOf := map[string][]byte{}
	for name, spec := range map[string]Spec{"mine": {Capacity: 10, Salt: 1}, "salt": {Capacity: 10, Salt: 2}, "capacity": {Capacity: 11, Salt: 1}} {
		spec.Kind, spec.Layout = KindSlab, specOf[record](KindSlab).Layout
		c, err := Create(filepath.Join(dir, name), spec, 0o666)
		if err == nil {
			err = errors.Join(c.Link(3), c.Close(-1))
		}
		if err != nil {
			t.Fatal(err)
		}
		if bytesOf[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "mine")
	c, err := Open(path, specOf[record](KindSlab), false)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(-1)
	for _, name := range []string{"salt", "mine", "capacity", "mine"} {
		overwrite(t, path, 0, bytesOf[name])
		var want error
		if name != "mine" {
			want = typedmem.ErrLayout
		}
		if n, err := c.Refresh(); !errors.Is(err, want) || err == nil && n != 3 {
			t.Errorf("with the contents of %s: %d, %v", name, n, err)
		}
	}
}
