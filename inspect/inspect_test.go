package inspect_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/inspect"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

type (
	level struct {
		Price float64
		Qty   [3]uint32
		Bits  region.Bool8
		_     [3]uint8
	}
	mixed struct {
		ID     uint64
		A      int8
		B      uint8
		C      int16
		D      float32
		E      complex64
		F      complex128
		G      [2]complex64
		Levels [4]level
		Grid   [2][3]int16
		Big    endian.BE32[float32]
		Little [2]endian.LE16[int16]
		_      [4]uint8
		G2     [3]int8
		H      [5]uint8
		I      int64
		J      [2]int32
		K      uint16
		L      uint16
		M      uint32
		_      [8]uint8
	}
	shared struct {
		N  atomic.Int64
		U  atomic.Uint64
		On atomic.Bool
		W  [1]atomic.Uint32
	}
)

func mixedAt(i int) (m mixed) {
	m = mixed{ID: uint64(i) << 40, A: int8(-i), B: uint8(i), C: int16(-i * 100), D: float32(i) / 3, E: complex(float32(i), -1), F: complex(math.Inf(1), float64(-i)),
		G: [2]complex64{1, complex(2, float32(i))}, Grid: [2][3]int16{{1, 2, 3}, {4, 5, int16(i)}}, G2: [3]int8{-1, 2, int8(i)}, H: [5]uint8{1, 2, 3, 4, uint8(i)},
		I: math.MinInt64 + int64(i), J: [2]int32{-5, int32(i)}, K: uint16(i), L: 7, M: 1 << 31}
	for k := range m.Levels {
		m.Levels[k] = level{Price: float64(k) + float64(i)/8, Qty: [3]uint32{uint32(i), uint32(k), 9}, Bits: region.Bool8(k)}
	}
	m.Big.Set(float32(i) * 1.5)
	m.Little[0].Set(-2)
	m.Little[1].Set(int16(i))
	return m
}

func regionOf(t testing.TB, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "r")
	r := testkit.Must(region.Create[mixed](path, 0))(t)
	for i := range n {
		testkit.Check(t, r.Append(mixedAt(i)))
	}
	testkit.Check(t, r.Close())
	return path
}

func open(t testing.TB, path string) *inspect.File {
	t.Helper()
	f := testkit.Must(inspect.Open(path))(t)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestValuesAreThoseOfTheType(t *testing.T) {
	const n = 1000
	f := open(t, regionOf(t, n))
	if f.Len() != n {
		t.Fatalf("%d elements, want %d", f.Len(), n)
	}
	for _, i := range []int{0, 1, 17, n - 1} {
		m := mixedAt(i)
		for path, want := range map[string]any{
			"ID": m.ID, "A": m.A, "B": m.B, "C": m.C, "D": m.D, "E": m.E, "F": m.F, "G": m.G[:], "G[1]": m.G[1],
			"Levels[4:24].Price":  []float64{m.Levels[0].Price, m.Levels[1].Price, m.Levels[2].Price, m.Levels[3].Price},
			"Levels[3].Price":     m.Levels[3].Price,
			"Levels[2].Qty":       m.Levels[2].Qty[:],
			"Levels[2].Qty[1]":    m.Levels[2].Qty[1],
			"Levels[4:24].Qty[1]": []uint32{0, 1, 2, 3},
			"Levels[1].Bits":      uint8(m.Levels[1].Bits),
			"Grid":                []int16{1, 2, 3, 4, 5, int16(i)},
			"Grid[2:6]":           []int16{1, 2, 3, 4, 5, int16(i)}, "Grid[1]": []int16{4, 5, int16(i)}, "Grid[1][2]": int16(i), "Grid[2:6][0]": []int16{1, 4},
			"Big": m.Big.Get(), "Little": []int16{-2, int16(i)}, "Little[1]": int16(i), "G2": m.G2[:], "H": m.H[:], "H[4]": uint8(i), "I": m.I, "J": m.J[:], "K": m.K, "L": m.L, "M": m.M,
		} {
			got, err := f.Value(i, path)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s of element %d is %T %v, %v; want %T %v", path, i, got, got, err, want, want)
			}
			c := testkit.Must(f.Column(path))(t)
			e := testkit.Must(f.Element(i))(t)
			if got, want := string(c.AppendText(nil, e)), fmt.Sprint(want); got != want && !strings.Contains(path, "D") {
				t.Errorf("the text of %s is %s, want %s", path, got, want)
			}
		}
	}
	next := 0
	for i, row := range f.All() {
		if i != next || len(row) != len(f.Info().Fields) || row[0] != uint64(i)<<40 {
			t.Fatalf("row %d is %d: %v", next, i, row)
		}
		next++
	}
	if next != n {
		t.Fatalf("%d rows, want %d", next, n)
	}
}

func TestAtomicFieldsAreNumbers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	r, err := region.Create[[2]shared](path, 1)
	if bits.UintSize == 32 && errors.Is(err, typedmem.ErrType) {
		t.Skip("no 64-bit atomics in files here: ", err)
	}
	testkit.Check(t, err)
	p := r.Ptr(0)
	p[1].N.Store(-5)
	p[1].U.Store(1 << 60)
	p[1].On.Store(true)
	p[1].W[0].Store(9)
	testkit.Check(t, r.Close())
	f := open(t, path)
	for path, want := range map[string]any{"[1].N": int64(-5), "[2:24].U": []uint64{0, 1 << 60}, "[1].On": true, "[0].On": false, "[1].W[0]": uint32(9), "[1].W": []uint32{9}} {
		if got, err := f.Value(0, path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, %v; want %v", path, got, err, want)
		}
	}
}

func TestStatSaysWhatTheWriterDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	r := testkit.Must(region.OpenFile[float64](path, region.FileOptions{Write: true, Create: true, Len: 6, Width: 3}))(t)
	testkit.Check(t, r.Append(1, 2, 3))
	info := testkit.Must(inspect.Stat(path))(t)
	want := inspect.Info{Kind: "region", Type: "float64", ByteOrder: info.ByteOrder, Version: 1, ElementSize: 8, Len: 9, SyncedLen: 6, Width: 3, Writer: os.Getpid(), FileSize: info.FileSize,
		Fields: []inspect.Field{{Path: ".", Kind: "float64", Offset: 0, Size: 8}}}
	if !reflect.DeepEqual(info, want) {
		t.Errorf("while it is written:\n%+v, want\n%+v", info, want)
	}
	f := open(t, path)
	testkit.Check(t, r.Append(4, 5, 6))
	if n, err := f.Refresh(); n != 12 || err != nil {
		t.Errorf("Refresh finds %d elements, %v; want 12", n, err)
	}
	if x, err := f.Value(11, "."); x != 6.0 || err != nil {
		t.Errorf("what was appended is %v, %v", x, err)
	}
	testkit.Check(t, r.Close())
	info = testkit.Must(inspect.Stat(path))(t)
	if info.Len != 12 || info.SyncedLen != 12 || info.Writer != 0 || info.FileSize < 65536+96 {
		t.Errorf("after Close: %+v", info)
	}
}

func TestSlabsShowTheObjectsThatLive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := testkit.Must(slab.Create[[2]uint32](path, 100_000))(t)
	want := map[uint64][2]uint32{}
	for i := range 30_000 {
		x := [2]uint32{uint32(i), 7}
		h := testkit.Must(s.Insert(x))(t)
		if i%3 == 0 {
			testkit.Check(t, s.Free(h))
		} else {
			want[h.Uint64()] = x
		}
	}
	check := func(path string) {
		t.Helper()
		f := open(t, path)
		if info := f.Info(); info.Kind != "slab" || info.Capacity != 100_000 || info.Len != f.Len() {
			t.Errorf("%+v", info)
		}
		c := testkit.Must(f.Column("."))(t)
		found := 0
		for e, err := range f.Elements(0, f.Len()) {
			testkit.Check(t, err)
			x, ok := want[e.Handle]
			if !ok || !reflect.DeepEqual(c.Value(e), x[:]) {
				t.Fatalf("slot %d has %x: %v, want %v", e.Index, e.Handle, c.Value(e), x)
			}
			found++
		}
		if found != len(want) {
			t.Errorf("%d objects, want %d", found, len(want))
		}
		free := -1
		for i := range f.Len() {
			if _, err := f.Element(i); errors.Is(err, inspect.ErrNoObject) {
				free = i
				break
			}
		}
		_, err := f.Value(free, ".")
		testkit.Wants(t, "a free slot", err, inspect.ErrNoObject, "value", fmt.Sprint("slot ", free), path)
	}
	check(path)
	copied := filepath.Join(t.TempDir(), "copy")
	testkit.Check(t, s.Snapshot(copied))
	testkit.Check(t, s.Close())
	check(path)
	check(copied)
}

func TestBlobFilesShowTheirBlobs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	s := testkit.Must(blob.Create(path))(t)
	if f := open(t, path); f.Len() != 0 || f.Info().Kind != "blob" {
		t.Errorf("an empty store has %d blobs, %+v", f.Len(), f.Info())
	}
	type named struct {
		ref  blob.Ref
		text string
	}
	var want []named
	add := func(n int) {
		text := strings.Repeat(string(rune('a'+n%26)), n)
		want = append(want, named{testkit.Must(s.AppendString(text))(t), text})
	}
	for i := range 300 {
		add(i*7%500 + 1)
	}
	add(3 << 20)
	add(5)
	f := open(t, path)
	add(40_000)
	testkit.Check(t, s.Sync())
	if n := testkit.Must(f.Refresh())(t); n != len(want) || f.Len() != n {
		t.Fatalf("%d blobs, want %d", n, len(want))
	}
	for _, lo := range []int{0, 1, 63, 64, 65, 299, 302} {
		i := lo
		for e, err := range f.Elements(lo, len(want)) {
			testkit.Check(t, err)
			if e.Index != i || e.Handle != uint64(want[i].ref) || string(e.Bytes) != want[i].text {
				t.Fatalf("blob %d is %d, %x with %d bytes", i, e.Index, e.Handle, len(e.Bytes))
			}
			i++
		}
		if i != len(want) {
			t.Fatalf("%d blobs, want %d", i, len(want))
		}
	}
	for i, row := range f.All() {
		if row[0] != uint64(want[i].ref) || row[1] != want[i].text {
			t.Fatalf("row %d is %v", i, row)
		}
	}
	ref := testkit.Must(f.Column("Ref"))(t)
	if got := string(ref.AppendText([]byte("x"), testkit.Must(f.Element(70))(t))); got != "x"+want[70].ref.String() {
		t.Errorf("the text of a Ref is %s", got)
	}
	testkit.Check(t, s.Close())
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	f := open(t, regionOf(t, 3))
	_, err := f.Value(3, "ID")
	testkit.Wants(t, "past the end", err, typedmem.ErrBounds, "element 3", "3 elements")
	_, err = f.Value(-1, "ID")
	testkit.Wants(t, "before the beginning", err, typedmem.ErrBounds, "element -1")
	for _, path := range []string{"id", "", ".", "Levels", "Levels.Price", "Levels[4].Price", "Levels[-1].Price", "Levels[01].Price", "Levels[1]Price", "Levels[1", "Levels[3:24].Price", "G[2]", "G[", "G[]", "ID[0]", "ID.", "Grid[1][2][0]", "Grid[1]]"} {
		_, err = f.Column(path)
		testkit.Wants(t, path, err, typedmem.ErrType, "column", fmt.Sprintf("%q", path), "ID uint64", "Levels[4:24].Price [4]float64")
	}
	for e, err := range f.Elements(1, 4) {
		testkit.Wants(t, "a range past the end", err, typedmem.ErrBounds, "[1,4) of 3")
		if e.Bytes != nil {
			t.Error("an element beside an error")
		}
	}
	testkit.Check(t, f.Close())
	for what, err := range map[string]error{
		"Close": f.Close(), "Value": second(f.Value(0, "ID")), "Element": second(f.Element(0)), "Refresh": second(f.Refresh()), "Column": second(f.Column("ID")),
	} {
		testkit.Wants(t, what+" after Close", err, typedmem.ErrClosed)
	}
	if f.Len() != 0 {
		t.Errorf("%d elements after Close", f.Len())
	}
	_, err = inspect.Stat(filepath.Join(t.TempDir(), "none"))
	testkit.Wants(t, "no file", err, fs.ErrNotExist, "stat", "none")
	_, err = inspect.Open(t.TempDir())
	testkit.Wants(t, "a directory", err, typedmem.ErrOperation, "open", "no regular file")
}

func second[T any](_ T, err error) error { return err }

// What region, slab and blob refuse is refused here with the same reason.
func TestDamageIsFoundAsByTheTypedOpen(t *testing.T) {
	files := map[string]struct {
		path string
		open func(path string) error
	}{}
	files["region"] = struct {
		path string
		open func(path string) error
	}{regionOf(t, 100), func(p string) error { return opens(region.Open[mixed](p)) }}
	path := filepath.Join(t.TempDir(), "s")
	s := testkit.Must(slab.Create[uint64](path, 1000))(t)
	for i := range 500 {
		testkit.Must(s.Insert(uint64(i)))(t)
	}
	testkit.Check(t, s.Close())
	files["slab"] = struct {
		path string
		open func(path string) error
	}{path, func(p string) error { return opens(slab.Open[uint64](p)) }}
	path = filepath.Join(t.TempDir(), "b")
	b := testkit.Must(blob.Create(path))(t)
	for range 100 {
		testkit.Must(b.AppendString("some text"))(t)
	}
	testkit.Check(t, b.Close())
	files["blob"] = struct {
		path string
		open func(path string) error
	}{path, func(p string) error { return opens(blob.Open(p)) }}
	for kind, f := range files {
		whole := testkit.Must(os.ReadFile(f.path))(t)
		bad := filepath.Join(t.TempDir(), "bad")
		for what, damage := range map[string]func(b []byte) []byte{
			"nothing":            func(b []byte) []byte { return b },
			"empty":              func(b []byte) []byte { return nil },
			"foreign":            func(b []byte) []byte { return append([]byte("GIF89a"), b[6:]...) },
			"cut in the header":  func(b []byte) []byte { return b[:40_000] },
			"cut in the data":    func(b []byte) []byte { return b[:65536+100] },
			"both copies":        func(b []byte) []byte { b[30], b[16384+30] = 0xff, 0xff; return b },
			"one copy":           func(b []byte) []byte { b[30] = 0xff; return b },
			"a later version":    func(b []byte) []byte { b[8], b[16384+8] = 9, 9; return b },
			"the word of slot 0": func(b []byte) []byte { b[65536+2] ^= 0x40; return b },
			"the key":            func(b []byte) []byte { clear(b[65536+8 : 65536+16]); return b },
		} {
			testkit.Check(t, os.WriteFile(bad, damage(append([]byte(nil), whole...)), 0o666))
			want := f.open(bad)
			if kind == "region" && (what == "the word of slot 0" || what == "the key") {
				want = nil
			}
			got := func() error {
				f, err := inspect.Open(bad)
				if err != nil {
					return err
				}
				return f.Close()
			}()
			if (kind == "blob") && what == "the word of slot 0" { // the magic number of blobs: a region of bytes
				want = nil
			}
			if fmt.Sprint(got) != strings.Replace(fmt.Sprint(want), ": typedmem: map:", ":", 1) {
				t.Errorf("%s, %s:\n%v, the typed Open says\n%v", kind, what, got, want)
			}
			if info, err := inspect.Stat(bad); what == "cut in the data" && (!errors.Is(err, typedmem.ErrTruncated) || info.Len == 0) {
				t.Errorf("Stat of a cut %s is %+v, %v", kind, info, err)
			}
		}
	}
}

func opens[C interface{ Close() error }](c C, err error) error {
	if err == nil {
		err = c.Close()
	}
	return err
}

func TestZeroValuesKeepTheRule(t *testing.T) {
	testenv.CheckZero(t, new(inspect.File), typedmem.ErrClosed)
	testenv.CheckZero(t, inspect.Column{}, nil)
}
