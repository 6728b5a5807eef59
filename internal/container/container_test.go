package container

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/layout"
)

type record struct {
	A uint64
	B float64
}

func specOf[T any](k Kind) Spec { return Spec{Kind: k, Layout: layout.Of(reflect.TypeFor[T]())} }

// made creates a file whose recorded length is n, cleanly closed, with room for the data, and
// returns its path.
func made(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.tm")
	c, err := Create(path, specOf[record](KindRegion), 0o666)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.f.Truncate(DataOffset + int64(n)*16); err != nil {
		t.Fatal(err)
	}
	if err := c.Link(n); err != nil {
		t.Fatal(err)
	}
	if err := c.Sync(n, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(-1); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLengthSurvivesClose(t *testing.T) {
	for _, n := range []int{0, 1, 7, 1 << 20} {
		path := made(t, n)
		for _, write := range []bool{false, true} {
			c, err := Open(path, specOf[record](KindRegion), write)
			if err != nil {
				t.Fatal(err)
			}
			if c.Length() != n {
				t.Errorf("length %d after reopening (write %v), want %d", c.Length(), write, n)
			}
			if err := c.Close(-1); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestCreateRefusesExistingFileAndLeavesIt(t *testing.T) {
	path := made(t, 3)
	before, _ := os.ReadFile(path)
	_, err := Create(path, specOf[record](KindRegion), 0o666)
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating over a file: %v, want fs.ErrExist", err)
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the file was changed")
	}
}

// TestForeignSpec asks a file for something it does not hold.
func TestForeignSpec(t *testing.T) {
	path := made(t, 3)
	for name, c := range map[string]struct {
		spec Spec
		says string
	}{
		"another kind": {specOf[record](KindSlab), "region file"},
		"another type": {specOf[struct{ A, B uint32 }](KindRegion), "A: the file has uint64 at byte 0"},
		"a field renamed": {specOf[struct {
			A uint64
			C float64
		}](KindRegion), "C: the file has no such field"},
	} {
		for _, write := range []bool{false, true} {
			before, _ := os.ReadFile(path)
			_, err := Open(path, c.spec, write)
			if !errors.Is(err, typedmem.ErrLayout) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s (write %v): %v, want ErrLayout that says %q", name, write, err, c.says)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Errorf("%s (write %v): the file was changed", name, write)
			}
		}
	}
}

func TestForeignByteOrder(t *testing.T) {
	path := made(t, 3)
	other := "big"
	if nativeOrder == "big" {
		other = "little"
	}
	h := specOf[record](KindRegion).header()
	h.order, h.fingerprint, h.length = other, specOf[record](KindRegion).Layout.Fingerprint(other, Version), 3
	block := make([]byte, 2*copySpace)
	h.encode(block)
	h.encode(block[copySpace:])
	overwrite(t, path, 0, block)
	_, err := Open(path, specOf[record](KindRegion), false)
	if !errors.Is(err, typedmem.ErrLayout) || !strings.Contains(err.Error(), other+"-endian") {
		t.Errorf("%v, want ErrLayout that names the byte order", err)
	}
}

func overwrite(t *testing.T, path string, off int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, off); err != nil {
		t.Fatal(err)
	}
}

// opens opens a file for reading and returns its length, or the error.
func opens(path string) (int, error) {
	c, err := Open(path, specOf[record](KindRegion), false)
	if err != nil {
		return 0, err
	}
	return c.Length(), c.Close(-1)
}

// TestOneDamagedByteIsSurvived flips every byte that either header copy, or the live record, uses.
func TestOneDamagedByteIsSurvived(t *testing.T) {
	path := made(t, 12345)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	used := fixedSize + len(layout.Of(reflect.TypeFor[record]()).Fields())
	var places []int
	for i := range used {
		places = append(places, i, copySpace+i)
	}
	for i := range liveSize {
		places = append(places, liveOffset+i)
	}
	for _, at := range places {
		for _, mask := range []byte{0x01, 0x80, 0xff} {
			overwrite(t, path, int64(at), []byte{whole[at] ^ mask})
			if n, err := opens(path); err != nil || n != 12345 {
				t.Errorf("byte %d ^ %#x: length %d, %v", at, mask, n, err)
			}
		}
		overwrite(t, path, int64(at), whole[at:at+1])
	}
}

// TestBothCopiesDamaged damages the same byte of both copies: a clear error, and never another
// length.
func TestBothCopiesDamaged(t *testing.T) {
	path := made(t, 12345)
	whole, _ := os.ReadFile(path)
	used := fixedSize + len(layout.Of(reflect.TypeFor[record]()).Fields())
	for at := range used {
		for _, mask := range []byte{0x01, 0xff} {
			overwrite(t, path, int64(at), []byte{whole[at] ^ mask})
			overwrite(t, path, int64(copySpace+at), []byte{whole[copySpace+at] ^ mask})
			want := typedmem.ErrCorrupt
			if at >= 8 && at < 12 && (at > 8 || mask != Version) { // a later version; version 0 is none
				want = typedmem.ErrLayout
			}
			if n, err := opens(path); !errors.Is(err, want) {
				t.Errorf("byte %d ^ %#x of both: length %d, %v, want %v", at, mask, n, err, want)
			}
		}
		overwrite(t, path, int64(at), whole[at:at+1])
		overwrite(t, path, int64(copySpace+at), whole[copySpace+at:copySpace+at+1])
	}
}

// A file of a later version is not damaged: a program that replaces damaged files must leave it.
func TestAnotherVersion(t *testing.T) {
	path := made(t, 3)
	version := func(n byte, copies ...int64) {
		for _, at := range copies {
			overwrite(t, path, at*copySpace+8, []byte{n})
		}
	}
	version(2, 0, 1)
	for _, write := range []bool{false, true} {
		_, err := Open(path, specOf[record](KindRegion), write)
		if !errors.Is(err, typedmem.ErrLayout) || errors.Is(err, typedmem.ErrCorrupt) ||
			!strings.Contains(err.Error(), "it has format version 2, this library reads version 1") {
			t.Errorf("write %v: %v", write, err)
		}
	}
	version(0, 0, 1)
	if _, err := opens(path); !errors.Is(err, typedmem.ErrCorrupt) {
		t.Errorf("no version: %v", err)
	}
	version(2, 0)
	if _, err := opens(path); !errors.Is(err, typedmem.ErrCorrupt) {
		t.Errorf("copies of two versions: %v", err)
	}
	version(1, 1)
	if n, err := opens(path); n != 3 || err != nil {
		t.Errorf("one copy of this version: length %d, %v", n, err)
	}
}

func TestTruncatedHeader(t *testing.T) {
	path := made(t, 0)
	whole, _ := os.ReadFile(path)
	for _, n := range []int{0, 1, 7, 8, 100, copySpace - 1, copySpace, copySpace + 50, liveOffset, DataOffset - 1} {
		if err := os.WriteFile(path, whole[:n], 0o666); err != nil {
			t.Fatal(err)
		}
		for _, write := range []bool{false, true} {
			_, err := Open(path, specOf[record](KindRegion), write)
			if !errors.Is(err, typedmem.ErrTruncated) && !errors.Is(err, typedmem.ErrCorrupt) {
				t.Errorf("%d bytes: %v, want ErrTruncated or ErrCorrupt", n, err)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(after, whole[:n]) {
				t.Errorf("%d bytes: the file was changed", n)
			}
		}
	}
}

// TestHostileHeader gives headers whose checksums are right and whose numbers are not.
func TestHostileHeader(t *testing.T) {
	for name, change := range map[string]func(*header){
		"more elements than an address space": func(h *header) { h.length = 1 << 60 },
		"all ones":                            func(h *header) { h.length = 1<<64 - 1 },
		"huge elements":                       func(h *header) { h.elemSize = 1 << 63 },
		"elements of another size":            func(h *header) { h.elemSize = 8 },
		"another fingerprint":                 func(h *header) { h.fingerprint[3]++ },
	} {
		path := made(t, 2)
		h := specOf[record](KindRegion).header()
		h.length = 2
		h.sequence = 1 << 40
		change(h)
		block := make([]byte, copySpace)
		h.encode(block)
		overwrite(t, path, 0, block)
		if n, err := opens(path); !errors.Is(err, typedmem.ErrSize) && !errors.Is(err, typedmem.ErrLayout) {
			t.Errorf("%s: length %d, %v, want ErrSize or ErrLayout", name, n, err)
		}
	}
}

func TestSecondWriterIsRefusedAndTheLockGoesWithTheFirst(t *testing.T) {
	path := made(t, 1)
	first, err := Open(path, specOf[record](KindRegion), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Begin(true); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path, specOf[record](KindRegion), true)
	if !errors.Is(err, typedmem.ErrBusy) || !strings.Contains(err.Error(), "process") {
		t.Errorf("second writer: %v, want ErrBusy that names the process", err)
	}
	if err := first.Close(-1); err != nil {
		t.Fatal(err)
	}
	again, err := Open(path, specOf[record](KindRegion), true)
	if err != nil {
		t.Fatalf("after the first closed: %v", err)
	}
	if err := again.Close(-1); err != nil {
		t.Error(err)
	}
}

func TestNotAFile(t *testing.T) {
	if _, err := Open(t.TempDir(), specOf[record](KindRegion), false); !errors.Is(err, typedmem.ErrOperation) {
		t.Errorf("a folder: %v, want ErrOperation", err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none"), specOf[record](KindRegion), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v, want fs.ErrNotExist", err)
	}
}

func TestTooManyFields(t *testing.T) {
	var fields []reflect.StructField
	for i := range 1200 {
		fields = append(fields, reflect.StructField{Name: "F" + strings.Repeat("x", i%7) + string(rune('A'+i%26)) + strings.Repeat("y", i/26), Type: reflect.TypeFor[uint64]()})
	}
	path := filepath.Join(t.TempDir(), "wide")
	_, err := Create(path, Spec{Kind: KindRegion, Layout: layout.Of(reflect.StructOf(fields))}, 0)
	if !errors.Is(err, typedmem.ErrType) {
		t.Errorf("%v, want ErrType", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file was left")
	}
}

// A length word that is damaged under a live record that counts is an error and leaves the file:
// its last synced length would hide elements, which the next writer then clears.
func TestDamagedLengthWord(t *testing.T) {
	if _, ok := bootID(); !ok || storedInHalves {
		t.Skip("a damaged word cannot be told here")
	}
	path := made(t, 100)
	live := newRecord()
	liveRecord{live}.begin(1000)
	overwrite(t, path, liveOffset, live)
	if n, err := opens(path); n != 1000 || err != nil {
		t.Fatalf("%d elements, %v", n, err)
	}
	for at := liveWordAt; at < liveSize; at++ {
		overwrite(t, path, int64(liveOffset+at), []byte{live[at] ^ 1})
		before, _ := os.ReadFile(path)
		for _, write := range []bool{false, true} {
			if _, err := Open(path, specOf[record](KindRegion), write); !errors.Is(err, typedmem.ErrCorrupt) {
				t.Fatalf("byte %d of the word (write %v): %v, want ErrCorrupt", at-liveWordAt, write, err)
			}
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Error("the file was changed")
		}
		overwrite(t, path, int64(liveOffset+at), live[at:at+1])
	}
}

// Left must not take a file for one that the system lost, or for one that was closed, where the
// system does not name its runs.
func TestLeft(t *testing.T) {
	known := bootID
	t.Cleanup(func() { bootID = known })
	if _, ok := known(); !ok {
		t.Skip("this system does not name its runs")
	}
	killed := newRecord()
	liveRecord{killed}.begin(3)
	lost := bytes.Clone(killed)
	lost[0] ^= 1
	beginning := bytes.Clone(killed) // of a writer that was killed before it named the run
	clear(beginning[:16])
	for _, c := range []struct {
		record []byte
		want   Left
	}{{killed, LeftKilled}, {lost, LeftLost}, {newRecord(), LeftClosed}, {beginning, LeftClosed}} {
		record, want := c.record, c.want
		if got := leftBy(record); got != want {
			t.Errorf("%d, want %d", got, want)
		}
		bootID = func() (boot [16]byte, ok bool) { return boot, false }
		if got := leftBy(record); got != LeftUnknown {
			t.Errorf("%d where runs have no name, want %d", got, LeftUnknown)
		}
		bootID = known
	}
}

// TestLengthWord shows that no single wrong byte of a length word passes for another length.
func TestLengthWord(t *testing.T) {
	lengths := []uint64{0, 1, 2, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, 1<<48 - 1}
	for range 200 {
		lengths = append(lengths, rand.Uint64N(1<<48))
	}
	for _, n := range lengths {
		word := packLength(n)
		if got, ok := unpackLength(word); !ok || got != n {
			t.Fatalf("%d comes back as %d, %v", n, got, ok)
		}
		for i := range 8 {
			for bits := uint64(1); bits < 256; bits++ {
				if got, ok := unpackLength(word ^ bits<<(8*i)); ok {
					t.Errorf("length %d with byte %d changed by %#x passes for %d", n, i, bits, got)
				}
			}
		}
	}
	if _, ok := unpackLength(0); ok {
		t.Error("a word of zeros passes for a length")
	}
}

// newRecord returns a live record of zeros, aligned as in a file.
func newRecord() []byte {
	words := new([liveSize / 8]uint64)
	// SAFETY: the slice is as long as the words.
	return unsafe.Slice((*byte)(unsafe.Pointer(words)), liveSize)
}
