package slab_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

type block [512]uint64

// headerLength is what the newer header copy of a file says.
func headerLength(t *testing.T, path string) (n int, at int64) {
	t.Helper()
	b := testkit.Must(os.ReadFile(path))(t)
	le := binary.LittleEndian
	if at = 0; le.Uint64(b[16<<10+72:]) > le.Uint64(b[72:]) {
		at = 16 << 10
	}
	return int(le.Uint64(b[at+64:])), at
}

// The size of a file that grows is on the device before the length that counts on it is written.
func TestAFileIsLongerBeforeItSaysSo(t *testing.T) {
	testenv.PartialPages(t)
	path := filepath.Join(testkit.FastDir(t), "s")
	s := testkit.Must(slab.Create[block](path, 300))(t)
	defer s.Close()
	durable := 0
	size := func() int {
		return int(testkit.Must(os.Stat(path))(t).Size())
	}
	grown := 0
	defer sys.Interpose(func(c sys.Call) error {
		if c.Op != sys.OpFlush && c.Op != sys.OpAllocate {
			return nil
		}
		n, _ := headerLength(t, path)
		if end := 128<<10 + n*4096; end > durable && n > 0 {
			t.Errorf("the header says %d slots, which end at byte %d, and the device knows %d bytes", n, end, durable)
		}
		if c.Op == sys.OpFlush {
			if size() > durable {
				grown++
			}
			durable = size()
		}
		return nil
	})()
	for s.Len() < s.Cap() {
		testkit.Must(s.Alloc())(t)
	}
	if grown < 3 {
		t.Errorf("the file has grown %d times", grown)
	}
}

// A power failure may leave a length that counts slots past the end of the file, where a file
// system loses the size that it has acknowledged: while no word says that they had an object,
// nothing is lost and the file opens. Any other file shorter than its length was cut off.
func TestALengthAheadOfItsFile(t *testing.T) {
	testenv.PartialPages(t)
	if _, ok := sys.BootID(); !ok {
		t.Skip("this system does not name its runs")
	}
	path := filepath.Join(testkit.FastDir(t), "s")
	s := testkit.Must(slab.Create[block](path, 200))(t)
	var handles []slab.Handle[block]
	for i := range 10 {
		handles = append(handles, testkit.Must(s.Insert(block{uint64(i) + 1}))(t))
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	image := testkit.Must(os.ReadFile(path))(t)
	n, _ := headerLength(t, path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n <= 12 {
		t.Fatalf("%d slots", n)
	}
	const record, word = 32 << 10, 64 << 10
	lost := filepath.Join(testkit.FastDir(t), "lost")
	for name, c := range map[string]struct {
		slots int
		edit  func(b []byte)
		ok    bool
	}{
		"the system went down":               {12, func(b []byte) { b[record] ^= 1 }, true},
		"it went down, and slots are lost":   {9, func(b []byte) { b[record] ^= 1 }, false},
		"the writer closed the file":         {12, func(b []byte) { clear(b[record:][:32]) }, false},
		"the writer is at work":              {12, func(b []byte) {}, false},
		"the system went down, not in slots": {-1, func(b []byte) { b[record] ^= 1 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := append([]byte(nil), image[:128<<10+c.slots*4096+100]...)
			c.edit(b)
			for _, open := range []func(string) (*slab.Slab[block], error){slab.Open[block], slab.OpenMut[block]} {
				if err := os.WriteFile(lost, b, 0o666); err != nil {
					t.Fatal(err)
				}
				s, err := open(lost)
				if !c.ok {
					testkit.Is(t, err, typedmem.ErrTruncated)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				for i, h := range handles {
					if x := testkit.Must(s.Load(h))(t); x != (block{uint64(i) + 1}) || s.Len() != len(handles) {
						t.Fatalf("object %d is %d, of %d", i, x[0], s.Len())
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if !c.ok {
				return
			}
			if err := os.WriteFile(lost, b, 0o666); err != nil {
				t.Fatal(err)
			}
			s := testkit.Must(slab.OpenMut[block](lost))(t)
			killed := filepath.Join(testkit.FastDir(t), "killed") // what this writer leaves if it is killed now
			if err := os.WriteFile(killed, testkit.Must(os.ReadFile(lost))(t), 0o666); err != nil {
				t.Fatal(err)
			}
			if err := testkit.Must(slab.OpenMut[block](killed))(t).Close(); err != nil {
				t.Fatal(err)
			}
			for s.Len() < s.Cap() {
				testkit.Must(s.Insert(block{7}))(t)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = testkit.Must(slab.Open[block](lost))(t)
			if s.Len() != s.Cap() {
				t.Errorf("%d objects", s.Len())
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
