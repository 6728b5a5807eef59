package npy_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/npy"
	"github.com/typedmem/typedmem/region"
)

// npyFile returns a file of a version, with a header of that text and some data.
func npyFile(version byte, text string, data ...byte) []byte {
	b := append([]byte("\x93NUMPY"), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(text)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	}
	return append(append(b, text...), data...)
}

func TestReadHeaderStopsAtTheData(t *testing.T) {
	for version := byte(1); version <= 3; version++ {
		text := "{'descr': '<f8', 'fortran_order': True, 'shape': (4, 0, 3), }\n"
		r := bytes.NewReader(npyFile(version, text, 1, 2, 3))
		h, err := npy.ReadHeader(iotest.OneByteReader(r))
		want := npy.Header{Descr: "<f8", FortranOrder: true, Shape: []int{4, 0, 3}, Offset: int64(len(text)) + 10}
		if version > 1 {
			want.Offset += 2
		}
		if err != nil || !reflect.DeepEqual(h, want) || h.Len() != 0 || h.Width() != 0 {
			t.Errorf("%+v, %v, want %+v", h, err, want)
		}
		if rest := testkit.Must(io.ReadAll(r))(t); !bytes.Equal(rest, []byte{1, 2, 3}) {
			t.Errorf("version %d: after the header come % x", version, rest)
		}
	}
	latin := npyFile(1, "{'descr': [('\xe9', '<f8')], 'fortran_order': False, 'shape': (), }\n")
	if h, err := npy.ReadHeader(bytes.NewReader(latin)); err != nil || h.Descr != "[('é', '<f8')]" || h.Len() != 1 || h.Width() != 1 {
		t.Errorf("Latin-1: %+v, %v", h, err)
	}
	escapes := npyFile(1, `{"descr": [("a\x41\u00e9\t'\"", '<f8')], 'fortran_order': False, "shape": (1,)}`)
	if h, err := npy.ReadHeader(bytes.NewReader(escapes)); err != nil || h.Descr != `[('aAé\x09\'"', '<f8')]` {
		t.Errorf("escapes: %s, %v", h.Descr, err)
	}
}

func TestReadHeaderRefusesWhatIsNone(t *testing.T) {
	good := "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n"
	with := func(old, new string) []byte { return npyFile(1, strings.Replace(good, old, new, 1)) }
	for what, c := range map[string]struct {
		file []byte
		want error
		says string
	}{
		"empty":               {nil, typedmem.ErrTruncated, "inside its header"},
		"cut in the magic":    {[]byte("\x93NUM"), typedmem.ErrTruncated, "inside its header"},
		"cut in the length":   {npyFile(2, good)[:10], typedmem.ErrTruncated, "inside its header"},
		"cut in the text":     {npyFile(1, good)[:40], typedmem.ErrTruncated, "inside its header"},
		"a text":              {[]byte("time,price\n1,2\n"), typedmem.ErrCorrupt, "magic number"},
		"a short text":        {[]byte("x"), typedmem.ErrCorrupt, "magic number"},
		"a pickle":            {[]byte("\x80\x04\x95\x00\x00\x00\x00\x00\x00"), typedmem.ErrLayout, "pickle"},
		"an archive":          {[]byte("PK\x03\x04.........."), typedmem.ErrLayout, "unzip"},
		"version 4":           {npyFile(4, good), typedmem.ErrLayout, "version 4.0"},
		"version 0":           {npyFile(0, good), typedmem.ErrLayout, "version 0.0"},
		"a huge header":       {npyFile(2, good[:20])[:8:8], typedmem.ErrTruncated, "inside"},
		"a length of 4 GiB":   {append([]byte("\x93NUMPY\x02\x00"), 0xff, 0xff, 0xff, 0xff), typedmem.ErrCorrupt, "4294967295"},
		"no dictionary":       {npyFile(1, "[1, 2]"), typedmem.ErrCorrupt, "dictionary"},
		"a call":              {with("'<f8'", "dtype('<f8')"), typedmem.ErrCorrupt, "byte 10"},
		"a key too few":       {with("'shape': (3,), ", ""), typedmem.ErrCorrupt, "keys"},
		"a key too many":      {with("'shape'", "'x': 1, 'shape'"), typedmem.ErrCorrupt, "keys"},
		"a key twice":         {with("'shape'", "'descr': '<f8', 'shape'"), typedmem.ErrCorrupt, "twice"},
		"a key of no string":  {with("'descr'", "1"), typedmem.ErrCorrupt, "no string"},
		"an order of 1":       {with("False", "1"), typedmem.ErrCorrupt, "keys"},
		"a shape of a number": {with("(3,)", "3"), typedmem.ErrCorrupt, "shape 3"},
		"a shape in brackets": {with("(3,)", "(3)"), typedmem.ErrCorrupt, "shape 3"},
		"a shape of text":     {with("(3,)", "('3',)"), typedmem.ErrCorrupt, "shape ('3',)"},
		"a negative shape":    {with("(3,)", "(-3,)"), typedmem.ErrCorrupt, "shape (-3,)"},
		"a large shape":       {with("(3,)", "(99999999999999999999,)"), typedmem.ErrCorrupt, "too large"},
		"no dtype":            {with("'<f8'", "None"), typedmem.ErrCorrupt, "dtype None"},
		"no end":              {with("}", ""), typedmem.ErrCorrupt, "byte"},
		"no comma":            {with("False,", "False"), typedmem.ErrCorrupt, "no comma"},
		"no colon":            {with("'shape':", "'shape'"), typedmem.ErrCorrupt, "no colon"},
		"an open string":      {with("(3,)", "'x"), typedmem.ErrCorrupt, "without an end"},
		"a bad escape":        {with("<f8", `<f\q`), typedmem.ErrCorrupt, "escape"},
		"no rune":             {with("<f8", `\Uffffffff`), typedmem.ErrCorrupt, "escape"},
		"something more":      {with("}", "} 1"), typedmem.ErrCorrupt, "follows"},
		"deep":                {with("'<f8'", strings.Repeat("[", 2000)), typedmem.ErrCorrupt, "too deep"},
		"no UTF-8":            {npyFile(3, strings.Replace(good, "<f8", "\xff", 1)), typedmem.ErrCorrupt, "no text"},
	} {
		h, err := npy.ReadHeader(bytes.NewReader(c.file))
		testkit.Wants(t, what, err, c.want, "read header", c.says)
		if !reflect.DeepEqual(h, npy.Header{}) {
			t.Errorf("%s: %+v beside an error", what, h)
		}
	}
	_, err := npy.ReadHeader(iotest.ErrReader(fs.ErrPermission))
	testkit.Wants(t, "a reader that fails", err, fs.ErrPermission)
}

func TestAppendHeaderWritesWhatIsRead(t *testing.T) {
	for _, c := range []struct {
		h       npy.Header
		version byte
	}{
		{npy.Header{Descr: "<f8"}, 1},
		{npy.Header{Descr: "|b1", Shape: []int{0}}, 1},
		{npy.Header{Descr: "[('x', '>i2'), ('', '|V2'), ('y', '<f4', (2, 3))]", Shape: []int{1, 2, 3}, FortranOrder: true}, 1},
		{npy.Header{Descr: "[('größe', '<f8')]", Shape: []int{5}}, 3},
		{npy.Header{Descr: "[('it\\'s', '<f8')]", Shape: []int{5}}, 1},
		{npy.Header{Descr: "[('" + strings.Repeat("x", 70_000) + "', '<f8')]", Shape: []int{5}}, 2},
	} {
		b := testkit.Must(npy.AppendHeader([]byte("before"), c.h))(t)
		if b = b[len("before"):]; len(b)%64 != 0 || b[len(b)-1] != '\n' || b[6] != c.version {
			t.Errorf("%d bytes of version %d for %.80s", len(b), b[6], c.h.Descr)
		}
		c.h.Offset = int64(len(b))
		if got := testkit.Must(npy.ReadHeader(bytes.NewReader(b)))(t); !reflect.DeepEqual(got, c.h) {
			t.Errorf("%+v, want %+v", got, c.h)
		}
	}
	for descr, shape := range map[string][]int{"<f8": {-1}, "<i8": {math.MaxInt, 2}} {
		_, err := npy.AppendHeader(nil, npy.Header{Descr: descr, Shape: shape})
		testkit.Wants(t, descr, err, typedmem.ErrSize, "append header", "shape")
	}
	for _, descr := range []string{"", "f", "<f3", "<f08", "x8", "<i16", "<f8 ", "<U-1", "<M8[ns", "[('x', '<f8'), ('x', '<f8')]", "[('x',)]", "[('', '<f8')]", "[1]", "[('x', '<f8', (-1,))]", "[('x', '<f8', (2147483647,))]", "('<f8', 2, 3)", "[((1, 'x', 2), '<f8')]", "[(1, '<f8')]", "[('x', {})]"} {
		_, err := npy.AppendHeader(nil, npy.Header{Descr: descr})
		testkit.Wants(t, descr, err, typedmem.ErrLayout, "append header", "dtype")
	}
}

func TestFilesThatAreNotWholeAreRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.npy")
	b := testkit.Must(npy.AppendHeader(nil, npy.Header{Descr: "|u1", Shape: []int{100}}))(t)
	testkit.Check(t, os.WriteFile(path, append(b, make([]byte, 99)...), 0o666))
	_, _, err := npy.Open[uint8](path)
	testkit.Wants(t, "one byte too few", err, typedmem.ErrTruncated, "open", path)
	testkit.Check(t, os.WriteFile(path, append(b, make([]byte, 101)...), 0o666))
	r, _, err := npy.Open[uint8](path)
	testkit.Check(t, err, "one byte too many")
	if testkit.Wants(t, "Append to a reader", r.Append(1), typedmem.ErrProtection); r.Len() != 100 {
		t.Errorf("%d elements", r.Len())
	}
	testkit.Wants(t, "Store to a reader", r.View().Store(0, 1), typedmem.ErrProtection)
	testkit.Check(t, r.Close())

	for _, shape := range []string{"(%d, 2)", "(%d,)", "(%d, %[1]d, 0, 2)"} {
		text := fmt.Sprintf("{'descr': '<i8', 'fortran_order': False, 'shape': "+shape+", }\n", math.MaxInt)
		testkit.Check(t, os.WriteFile(path, npyFile(1, text), 0o666))
		r, _, err := npy.Open[endian.LE64[int64]](path)
		if strings.Contains(shape, "0") {
			testkit.Check(t, err, shape)
			testkit.Check(t, r.Close())
			continue
		}
		testkit.Wants(t, shape, err, typedmem.ErrSize, "shape")
	}
	_, _, err = npy.Open[uint8](dir)
	testkit.Wants(t, "a directory", err, typedmem.ErrOperation, "no regular file")
	_, _, err = npy.Open[uint8](filepath.Join(dir, "none"))
	testkit.Wants(t, "no file", err, fs.ErrNotExist, "none")
	_, _, err = npy.Open[int](path)
	testkit.Wants(t, "int", err, typedmem.ErrType, "int64")
	_, _, err = npy.OpenMut[*int](path)
	testkit.Wants(t, "a pointer", err, typedmem.ErrType)
}

func TestCreateAndWriteLeaveNoFileOnError(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.npy")
	v := testkit.Must(region.New[float64](6))(t)
	defer v.Close()
	testkit.Wants(t, "a shape of 5", npy.Write(path, v.View(), 5), typedmem.ErrSize, "write", "(5,) has 5 elements, the view 6")
	testkit.Wants(t, "a negative shape", npy.Write(path, v.View(), -2, -3), typedmem.ErrSize)
	_, err := npy.Create[float64](path, -1)
	testkit.Wants(t, "Create of less than nothing", err, typedmem.ErrSize, "create", path)
	_, err = npy.Create[float64](path, math.MaxInt/4)
	testkit.Wants(t, "Create of too much", err, typedmem.ErrSize)
	_, err = npy.Create[struct {
		A uint8
		B uint32
	}](path, 1)
	testkit.Wants(t, "padding", err, typedmem.ErrType, "padding")
	_, err = npy.Create[float64](filepath.Join(dir, "none", "a.npy"), 1)
	testkit.Wants(t, "no directory", err, fs.ErrNotExist)
	shared := testkit.Must(region.New[atomic.Int32](2))(t)
	defer shared.Close()
	testkit.Wants(t, "atomic fields", npy.Write(path, shared.View()), typedmem.ErrOperation)
	closed := testkit.Must(region.New[float64](6))(t)
	stale := closed.View()
	testkit.Check(t, closed.Close())
	testkit.Wants(t, "a closed region", npy.Write(path, stale), typedmem.ErrClosed)
	if left := testkit.Must(os.ReadDir(dir))(t); len(left) != 0 {
		t.Fatalf("files are left: %v", left)
	}
	testkit.Check(t, npy.Write(path, v.View(), 2, 3))
	before := testkit.Must(os.ReadFile(path))(t)
	testkit.Wants(t, "Write over a file", npy.Write(path, v.View()), fs.ErrExist, path)
	_, err = npy.Create[float64](path, 6)
	testkit.Wants(t, "Create over a file", err, fs.ErrExist, path)
	if after := testkit.Must(os.ReadFile(path))(t); !bytes.Equal(before, after) {
		t.Error("the file has changed")
	}
	if left := testkit.Must(os.ReadDir(dir))(t); len(left) != 1 {
		t.Errorf("files are left: %v", left)
	}
}

// A region of a .npy file cannot become longer: its header would not say so.
func TestArraysKeepTheirLength(t *testing.T) {
	for _, n := range []int{0, 1, 5000} {
		path := filepath.Join(t.TempDir(), "a.npy")
		r := testkit.Must(npy.Create[uint32](path, n))(t)
		size := testkit.Must(os.Stat(path))(t).Size()
		if r.Append(1) == nil || r.Resize(n+1) == nil || r.Len() != n {
			t.Errorf("an array of %d became longer: %d", n, r.Len())
		}
		testkit.Check(t, r.Close())
		m, h, err := npy.OpenMut[uint32](path)
		testkit.Check(t, err)
		if m.Append(1) == nil || m.Len() != n || h.Len() != n {
			t.Errorf("an array of %d became longer: %d", n, m.Len())
		}
		testkit.Check(t, m.Close())
		if now := testkit.Must(os.Stat(path))(t).Size(); now != size || size != int64(128+4*n) {
			t.Errorf("the file of %d has %d bytes, had %d", n, now, size)
		}
	}
}
