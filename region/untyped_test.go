package region_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

type unknown struct {
	ID    uint64
	Pairs [2]struct {
		Z complex64
		N [2]uint32
	}
	Seq endian.BE32[uint32]
	_   [4]uint8
}

func someUnknown(n int) (all []unknown) {
	for i := range n {
		x := unknown{ID: uint64(i)}
		x.Pairs[1].Z = complex(float32(i), 1)
		x.Seq.Set(uint32(i))
		all = append(all, x)
	}
	return all
}

// unknownFile makes a region file of some elements in rows.
func unknownFile(t *testing.T, n, width int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.tm")
	r, err := region.OpenFile[unknown](path, region.FileOptions{Write: true, Create: true, Width: width})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Append(someUnknown(n)...), r.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func wantUnknown(t *testing.T, path string, n, width int) {
	t.Helper()
	r, err := region.Open[unknown](path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if !slices.Equal(r.Slice(), someUnknown(n)) || r.Width() != width {
		t.Errorf("%d elements in rows of %d: %v", r.Len(), r.Width(), r.Slice())
	}
}

func TestSnapshotOfAFileOfUnknownType(t *testing.T) {
	path := unknownFile(t, 6, 2)
	to := path + "-saved"
	if err := region.SnapshotFile(path, to); err != nil {
		t.Fatal(err)
	}
	wantUnknown(t, to, 6, 2)
	if err := region.SnapshotFile(path, to); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	wantUnknown(t, to, 6, 2)

	w, err := region.OpenMut[unknown](path) // a file in use, with a length that is not synced
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Append(someUnknown(8)[6:]...); err != nil {
		t.Fatal(err)
	}
	if err := region.SnapshotFile(path, path+"-used"); err != nil {
		t.Fatal(err)
	}
	wantUnknown(t, path+"-used", 8, 2)
}

func TestSalvageOfAFileOfUnknownType(t *testing.T) {
	path := unknownFile(t, 6, 2)
	if err := os.Truncate(path, 65536+5*int64(reflect.TypeFor[unknown]().Size())+1); err != nil {
		t.Fatal(err)
	}
	if err := region.SnapshotFile(path, path+"-saved"); !errors.Is(err, typedmem.ErrTruncated) {
		t.Error(err)
	}
	saved, lost, err := region.SalvageFile(path, path+"-left")
	if err != nil || saved != 4 || lost != 2 {
		t.Fatalf("%d saved, %d lost: %v", saved, lost, err)
	}
	wantUnknown(t, path+"-left", 4, 2)
}

func TestFilesOfAnotherKindAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tm")
	s, err := slab.Create[unknown](path, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := region.SnapshotFile(path, path+"2"); !errors.Is(err, typedmem.ErrLayout) {
		t.Error(err)
	}
	if _, _, err := region.SalvageFile(path, path+"2"); !errors.Is(err, typedmem.ErrLayout) {
		t.Error(err)
	}
	if err := region.SnapshotFile(path+"3", path+"2"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if err := os.WriteFile(path+"4", make([]byte, 1<<17), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := region.SnapshotFile(path+"4", path+"2"); !errors.Is(err, typedmem.ErrCorrupt) {
		t.Error(err)
	}
	if _, err := os.Stat(path + "2"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestWriteFileOfAPutTogetherType(t *testing.T) {
	mine := reflect.StructOf([]reflect.StructField{
		{Name: "ID", Type: reflect.TypeFor[uint64]()},
		{Name: "Price", Type: reflect.TypeFor[float32]()},
		{Name: "_", PkgPath: "x", Type: reflect.TypeFor[[4]uint8]()},
	})
	var data bytes.Buffer
	for i := range 100_000 {
		binary.Write(&data, binary.NativeEndian, uint64(i))
		binary.Write(&data, binary.NativeEndian, float32(i)/2)
		binary.Write(&data, binary.NativeEndian, uint32(0))
	}
	path := filepath.Join(t.TempDir(), "a.tm")
	n, err := region.WriteFile(path, mine, 4, iotest.HalfReader(bytes.NewReader(data.Bytes())))
	if err != nil || n != 100_000 {
		t.Fatal(n, err)
	}
	type same struct {
		ID    uint64
		Price float32
		_     [4]uint8
	}
	r, err := region.Open[same](path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Width() != 4 || r.Len() != n || r.At(99_999) != (same{ID: 99_999, Price: 49_999.5}) {
		t.Errorf("%d of %v, the last one is %v", r.Len(), r, r.At(r.Len()-1))
	}
}

func TestWriteFileThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		t     reflect.Type
		width int
		data  int
		err   error
		want  error
	}{
		"a pointer":      {reflect.TypeFor[*int](), 0, 8, nil, typedmem.ErrType},
		"no file type":   {reflect.TypeFor[int](), 0, 8, nil, typedmem.ErrType},
		"a width":        {reflect.TypeFor[uint64](), -1, 8, nil, typedmem.ErrSize},
		"a large width":  {reflect.TypeFor[uint64](), intMax, 8, nil, typedmem.ErrSize},
		"part of one":    {reflect.TypeFor[uint64](), 0, 17, nil, typedmem.ErrTruncated},
		"part of a row":  {reflect.TypeFor[uint64](), 3, 16, nil, typedmem.ErrTruncated},
		"a broken input": {reflect.TypeFor[uint64](), 0, 8, broken, broken},
	} {
		var r interface{ Read([]byte) (int, error) } = bytes.NewReader(make([]byte, c.data))
		if c.err != nil {
			r = iotest.ErrReader(c.err)
		}
		n, err := region.WriteFile(filepath.Join(dir, "a.tm"), c.t, c.width, r)
		if n != 0 || !errors.Is(err, c.want) {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Error(left, err)
	}
	path := filepath.Join(dir, "there.tm")
	if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := region.WriteFile(path, reflect.TypeFor[uint64](), 0, bytes.NewReader(nil)); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
}

const intMax = int(^uint(0) >> 1)
