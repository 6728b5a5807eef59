package npy_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/npy"
	"github.com/typedmem/typedmem/region"
)

// numpy runs a program of Python in a directory and returns the lines that it prints. It skips the
// test where there is no NumPy.
func numpy(t *testing.T, dir, program string) []string {
	t.Helper()
	testenv.Processes(t)
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the NumPy of these tests is that of a little-endian machine")
	}
	const python = "/usr/bin/python3"
	if out, err := exec.Command(python, "-c", "import numpy").CombinedOutput(); err != nil {
		t.Skipf("needs %s with NumPy: %v %s", python, err, out)
	}
	c := exec.Command(python, "-c", "import numpy as np, glob, os, sys\n"+program)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

type (
	point struct{ X, Y float32 }
	trade struct {
		Time  int64 `npy:"time"`
		Price float64
		Bid   [3]point
		Grid  [2][2]uint16
		Flag  region.Bool8
		_     [7]uint8
	}
	packed struct {
		A uint8
		B endian.LE32[float32]
		C endian.BE64[int64]
		D [2]endian.BE16[uint16]
		E [3]uint8
	}
)

// A pair writes a file with a view of random elements, and reads it or another one back.
type pair struct {
	name  string // the dtype as NumPy has it
	shape string
	write func(t *testing.T, path string)
	same  func(t *testing.T, path string)
}

// of makes the pair of a type for an array of that shape.
func of[T any](name string, shape ...int) pair {
	n := 1
	for _, d := range shape {
		n *= d
	}
	random := make([]byte, n*int(reflect.TypeFor[T]().Size()))
	rng := rand.NewChaCha8([32]byte{byte(len(name)), byte(n)})
	_, _ = rng.Read(random)
	full := fmt.Sprint(shape)
	for t := reflect.TypeFor[T](); t.Kind() == reflect.Array; t = t.Elem() {
		full = strings.TrimSuffix(full, "]") + fmt.Sprintf(" %d]", t.Len())
	}
	full = strings.NewReplacer("[", "(", "]", ")", " ", ", ").Replace(full)
	if !strings.Contains(full, ",") {
		full = strings.Replace(full, ")", ",)", 1)
	}
	return pair{name, full,
		func(t *testing.T, path string) {
			r := testkit.Must(region.New[T](n))(t)
			defer r.Close()
			r.View().Bytes().CopyFrom(random)
			testkit.Check(t, npy.Write(path, r.View(), shape...), path)
		},
		func(t *testing.T, path string) {
			t.Helper()
			r, h, err := npy.Open[T](path)
			testkit.Check(t, err, path)
			defer r.Close()
			got := make([]byte, len(random))
			if k := r.View().Bytes().CopyTo(got); k != len(random) || !bytes.Equal(got, random) {
				t.Errorf("%s: %d of %d bytes, or others: %+v", path, k, len(random), h)
			}
			if r.Len() != n {
				t.Errorf("%s: %d elements, want %d", path, r.Len(), n)
			}
		}}
}

var pairs = []pair{
	of[int8]("int8", 7), of[int16]("int16", 7), of[int32]("int32", 7), of[int64]("int64", 7),
	of[uint8]("uint8", 7), of[uint16]("uint16", 7), of[uint32]("uint32", 7), of[uint64]("uint64", 7),
	of[float32]("float32", 7), of[float64]("float64", 7), of[complex64]("complex64", 7), of[complex128]("complex128", 7),
	of[region.Bool8]("bool", 7),
	of[float32]("float32", 3, 4), of[float64]("float64", 2, 3, 5), of[int64]("int64", 1), of[uint16]("uint16", 0, 4), of[float64]("float64", 100_000),
	of[[3]float32]("float32", 5), of[[2][3]int16]("int16", 4, 2), of[[16]uint8]("uint8", 3),
	of[endian.BE16[int16]](">i2", 5), of[endian.BE32[uint32]](">u4", 5), of[endian.BE32[float32]](">f4", 5), of[endian.BE64[float64]](">f8", 2, 2),
	of[endian.LE16[uint16]]("uint16", 5), of[endian.LE64[int64]]("int64", 5), of[[2]endian.BE64[uint64]](">u8", 5),
	of[point]("[('X', '<f4'), ('Y', '<f4')]", 9),
	of[trade]("{'names': ['time', 'Price', 'Bid', 'Grid', 'Flag'], 'formats': ['<i8', '<f8', ([('X', '<f4'), ('Y', '<f4')], (3,)), ('<u2', (2, 2)), '?'], 'offsets': [0, 8, 16, 40, 48], 'itemsize': 56}", 6),
	of[packed]("[('A', 'u1'), ('B', '<f4'), ('C', '>i8'), ('D', '>u2', (2,)), ('E', 'u1', (3,))]", 2, 3),
	of[[2]point]("[('X', '<f4'), ('Y', '<f4')]", 4),
}

// NumPy loads and maps what Write wrote as the same dtype, shape and bytes, with data at a multiple
// of 64; Open reads what NumPy saves of it.
func TestNumPyReadsAndSavesWhatGoWrites(t *testing.T) {
	dir := t.TempDir()
	for i, p := range pairs {
		p.write(t, filepath.Join(dir, fmt.Sprintf("%02d.npy", i)))
		p.same(t, filepath.Join(dir, fmt.Sprintf("%02d.npy", i)))
	}
	lines := numpy(t, dir, `
for name in sorted(glob.glob("*.npy")):
    a = np.load(name)
    m = np.load(name, mmap_mode="r") if a.size else a
    assert m.tobytes() == a.tobytes(), name
    np.save("numpy-" + name, m)
    print(os.path.getsize(name) - a.nbytes, a.dtype, a.shape, sep="|")
`)
	if len(lines) != len(pairs) {
		t.Fatalf("NumPy reads %d files, want %d", len(lines), len(pairs))
	}
	for i, p := range pairs {
		before, rest, _ := strings.Cut(lines[i], "|")
		if at := testkit.Must(strconv.Atoi(before))(t); at == 0 || at%64 != 0 {
			t.Errorf("%s: the data begins at byte %s", p.name, before)
		}
		if want := p.name + "|" + p.shape; rest != want {
			t.Errorf("NumPy reads %s, want %s", rest, want)
		}
		p.same(t, filepath.Join(dir, fmt.Sprintf("numpy-%02d.npy", i)))
	}
}

// foreign are files that NumPy makes, each with the values 1, 2, 3, … in it.
const foreign = `
def v(name, version, a):
    with open(name, "wb") as f:
        np.lib.format.write_array(f, a, version=version)
a = np.arange(1, 7, dtype="<f8").reshape(2, 3)
v("v1", (1, 0), a); v("v2", (2, 0), a); v("v3", (3, 0), a)
np.save("big.npy", a.astype(">f8"))
np.save("fortran.npy", np.asfortranarray(a))
np.save("fortran1.npy", np.asfortranarray(a[0]))
np.save("object.npy", np.array([1, "x"], dtype=object), allow_pickle=True)
np.save("objects.npy", np.array([(1, "x")], dtype=[("a", "i4"), ("o", "O")]), allow_pickle=True)
a.dump("pickle"); np.savez("a.npz", a)
np.save("scalar.npy", np.float64(42)); np.save("empty.npy", a[:0]); np.save("bool.npy", a > 2)
np.save("times.npy", np.array(["1970-01-01T00:00:01", "1970-01-01T00:00:02"], dtype="M8[s]"))
np.save("spans.npy", np.array([5, 6], dtype="m8[ms]"))
np.save("chars.npy", np.array(["héllo", "x"])); np.save("bytes.npy", np.array([b"abcd", b"xy"]))
np.save("void.npy", np.array([b"abcd", b"xyzw"], dtype="V4"))
np.save("half.npy", np.array([1.5, 2], dtype="f2"))
np.save("long.npy", np.array([1.5, 2], dtype="g"))
d = np.dtype([("id", "<u4"), ("price", "<f8"), ("tag", "S3")], align=True)
np.save("aligned.npy", np.array([(7, 1.5, b"abc"), (8, 2.5, b"d")], dtype=d))
np.save("packed.npy", np.array([(7, 1.5, b"abc"), (8, 2.5, b"d")], dtype=[("id", "<u4"), ("price", "<f8"), ("tag", "S3")]))
np.save("titles.npy", np.array([(7, 1.5)], dtype=[(("the id", "id"), "<u8"), ("price", "<f8")]))
np.save("unicode.npy", np.array([(7, 1.5)], dtype=[("größe", "<u8"), ("π", "<f8")]))
np.save("nested.npy", np.array([(7, [((1, 2), 3), ((4, 5), 6)])], dtype=[("id", "<i8"), ("L", [("p", [("x", "<f4"), ("y", "<f4")]), ("q", "<i8")], (2,))]))
np.save("two.npy", a.astype("f4"))
with open("two.npy", "ab") as f: np.save(f, a)
h = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3)}"
for n in range(8):
    with open("odd%d" % n, "wb") as f:
        text = h + " " * n + "\n"
        f.write(b"\x93NUMPY\x01\x00" + bytes([len(text), 0]) + text.encode() + a.tobytes())
with open("python2", "wb") as f:
    text = "{'descr': [(u'x', '<i8'), ('y', '<i8')], 'fortran_order': False, 'shape': (2L,), }   \n"
    f.write(b"\x93NUMPY\x01\x00" + bytes([len(text), 0]) + text.encode() + np.arange(1, 5, dtype="<i8").tobytes())
`

// reads compares the elements that Open finds with those of want.
func reads[T comparable](t *testing.T, path string, want ...T) npy.Header {
	t.Helper()
	r, h, err := npy.Open[T](path)
	testkit.Check(t, err, path)
	defer r.Close()
	var got []T
	for x := range r.Values() {
		got = append(got, x)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v (%+v)", filepath.Base(path), got, want, h)
	}
	return h
}

// refuses compares the error of Open.
func refuses[T any](t *testing.T, path string, want error, words ...string) {
	t.Helper()
	_, _, err := npy.Open[T](path)
	testkit.Wants(t, path, err, want, append(words, filepath.Base(path))...)
}

func TestGoReadsWhatNumPySaves(t *testing.T) {
	dir := t.TempDir()
	numpy(t, dir, foreign)
	in := func(name string) string { return filepath.Join(dir, name) }
	six := []float64{1, 2, 3, 4, 5, 6}
	for _, name := range []string{"v1", "v2", "v3"} {
		if h := reads(t, in(name), six...); h.Descr != "<f8" || !reflect.DeepEqual(h.Shape, []int{2, 3}) || h.Width() != 3 || h.Len() != 6 {
			t.Errorf("%s: %+v", name, h)
		}
	}
	reads(t, in("v1"), [3]float64{1, 2, 3}, [3]float64{4, 5, 6})
	reads(t, in("v1"), [2][3]float64{{1, 2, 3}, {4, 5, 6}})
	reads(t, in("big.npy"), endian.BE64Of[float64](1), endian.BE64Of[float64](2), endian.BE64Of[float64](3), endian.BE64Of[float64](4), endian.BE64Of[float64](5), endian.BE64Of[float64](6))
	reads(t, in("fortran1.npy"), 1.0, 2, 3)
	reads(t, in("scalar.npy"), 42.0)
	reads[float64](t, in("empty.npy"))
	reads(t, in("bool.npy"), region.Bool8(0), 0, 1, 1, 1, 1)
	reads(t, in("bool.npy"), uint8(0), 0, 1, 1, 1, 1)
	reads(t, in("times.npy"), int64(1), 2)
	reads(t, in("spans.npy"), int64(5), 6)
	reads(t, in("chars.npy"), [5]uint32{'h', 'é', 'l', 'l', 'o'}, [5]uint32{'x'})
	reads(t, in("chars.npy"), [5]int32{'h', 'é', 'l', 'l', 'o'}, [5]int32{'x'})
	reads(t, in("bytes.npy"), [4]uint8{'a', 'b', 'c', 'd'}, [4]uint8{'x', 'y'})
	reads(t, in("void.npy"), [4]uint8{'a', 'b', 'c', 'd'}, [4]uint8{'x', 'y', 'z', 'w'})
	reads(t, in("half.npy"), [2]uint8{0, 0x3e}, [2]uint8{0, 0x40})
	type aligned struct {
		ID    uint32
		_     [4]uint8
		Price float64
		Tag   [3]uint8
		_     [5]uint8
	}
	a, _, err := npy.Open[aligned](in("aligned.npy")) // what its padding holds, NumPy does not say
	testkit.Check(t, err)
	if x, y := a.At(0), a.At(1); x.ID != 7 || x.Price != 1.5 || string(x.Tag[:]) != "abc" || y.ID != 8 || y.Price != 2.5 || a.Len() != 2 {
		t.Errorf("aligned.npy: %v, %v", x, y)
	}
	testkit.Check(t, a.Close())
	type tight struct {
		ID    endian.LE32[uint32]
		Price endian.LE64[float64]
		Code  [3]uint8 `npy:"tag"`
	}
	reads(t, in("packed.npy"), tight{endian.LE32Of[uint32](7), endian.LE64Of(1.5), [3]uint8{'a', 'b', 'c'}}, tight{endian.LE32Of[uint32](8), endian.LE64Of(2.5), [3]uint8{'d'}})
	type titled struct {
		ID    uint64
		Price float64
	}
	reads(t, in("titles.npy"), titled{7, 1.5})
	type named struct {
		Größe uint64
		Π     float64
	}
	reads(t, in("unicode.npy"), named{7, 1.5})
	type nested struct {
		ID int64
		L  [2]struct {
			P struct{ X, Y float32 }
			Q int64
		}
	}
	h := reads(t, in("nested.npy"), func() (n nested) {
		n.ID = 7
		n.L[0].P.X, n.L[0].P.Y, n.L[0].Q, n.L[1].P.X, n.L[1].P.Y, n.L[1].Q = 1, 2, 3, 4, 5, 6
		return n
	}())
	if want := "[('id', '<i8'), ('L', [('p', [('x', '<f4'), ('y', '<f4')]), ('q', '<i8')], (2,))]"; h.Descr != want {
		t.Errorf("the dtype is %s, want %s", h.Descr, want)
	}
	reads(t, in("two.npy"), float32(1), 2, 3, 4, 5, 6)
	type xy struct{ X, Y int64 }
	reads(t, in("python2"), xy{1, 2}, xy{3, 4})
	for n := range 8 {
		name := in(fmt.Sprint("odd", n))
		if n == 4 { // at byte 72
			reads(t, name, six...)
			continue
		}
		refuses[float64](t, name, typedmem.ErrOffset, "multiple of 8", "endian")
		reads(t, name, endian.LE64Of[float64](1), endian.LE64Of[float64](2), endian.LE64Of[float64](3), endian.LE64Of[float64](4), endian.LE64Of[float64](5), endian.LE64Of[float64](6))
	}

	refuses[float64](t, in("fortran.npy"), typedmem.ErrLayout, "Fortran order", "ascontiguousarray")
	refuses[uint64](t, in("object.npy"), typedmem.ErrLayout, "Python objects")
	refuses[uint64](t, in("objects.npy"), typedmem.ErrLayout, "Python objects")
	refuses[float64](t, in("pickle"), typedmem.ErrLayout, "pickle")
	refuses[float64](t, in("a.npz"), typedmem.ErrLayout, "unzip")
	refuses[float64](t, in("big.npy"), typedmem.ErrLayout, ">f8", "<f8")
	refuses[uint16](t, in("half.npy"), typedmem.ErrLayout, "<f2", "<u2")
	refuses[float64](t, in("long.npy"), typedmem.ErrLayout, "<f16")
	refuses[[2]float64](t, in("v1"), typedmem.ErrLayout, "(2, 3)")
	refuses[titled](t, in("aligned.npy"), typedmem.ErrLayout, "id: the file has <u4, the type has <u8", "tag: the file has |S3 at byte 16, the type has no such field; write _ [3]byte")
	refuses[tight](t, in("titles.npy"), typedmem.ErrLayout, "tag: the file has no such field", "id: the file has <u8, the type has <u4", "price: the file has <f8 at byte 8, the type has <f8 at byte 4")
}

// Numbers that Go stores in a file of NumPy are there for NumPy, and the other way round.
func TestGoAndNumPyShareAFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.npy")
	numpy(t, dir, "") // so that a skipped test leaves nothing open
	r := testkit.Must(npy.Create[float32](path, 2, 3))(t)
	r.Set(4, 1.5)
	got := numpy(t, dir, `
a = np.load("a.npy", mmap_mode="r+")
print(a.tolist())
a[1, 2] = 7
a.flush()
`)
	if want := "[[0.0, 0.0, 0.0], [0.0, 1.5, 0.0]]"; got[0] != want {
		t.Errorf("NumPy reads %s, want %s", got[0], want)
	}
	if r.At(5) != 7 {
		t.Errorf("what NumPy stored is %v", r.At(5))
	}
	testkit.Check(t, errors.Join(r.Sync(), r.Close()))
	m, h, err := npy.OpenMut[float32](path)
	testkit.Check(t, err)
	rows := testkit.Must(region.RowsOf(m.View(), h.Width()))(t)
	rows.Set(0, 1, 3)
	testkit.Check(t, m.Close())
	if got := numpy(t, dir, `print(np.load("a.npy").tolist())`); got[0] != "[[0.0, 3.0, 0.0], [0.0, 1.5, 7.0]]" {
		t.Errorf("NumPy reads %s", got[0])
	}
	if info := testkit.Must(os.Stat(path))(t); info.Size() != 128+24 {
		t.Errorf("the file has %d bytes", info.Size())
	}
}
