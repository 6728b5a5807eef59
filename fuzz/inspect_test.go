package fuzz

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/inspect"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// FuzzInspect takes any bytes for a file, or a region, slab or blob file with other bytes or
// another field list in it: it is an error, or every element has the values that its fields say,
// and the file stays as it was.
func FuzzInspect(f *testing.F) {
	f.Add([]byte("\x00"))
	f.Add([]byte("\x02\x04\x08\x00\x01"))
	f.Add([]byte("\x11\x10# x\nA[2:4].B uint16 0 2\nA[2:4].C [2]uint8 2 2\nD le.float64 8 8\n"))
	f.Add([]byte("\x11\x10# x\n. [2]complex64 0 16\n"))
	f.Add([]byte("\x11\x10# x\nA be.int32 1 4\nA[3:5].B[2:2].C atomic.Bool 0 4\n"))
	f.Add([]byte("\x04\x04\x02\x11\x00\x04\x03\x11\x00"))
	f.Add([]byte("\x06\x04\x10\x11\x00"))
	dir := testkit.FastDir(f)
	bases := [][]byte{fileBytes(f, dir, true), fileBytes(f, dir, false), slabBytes(f, dir), blobBytes(f, dir)}
	path := filepath.Join(dir, "inspected")
	f.Fuzz(func(t *testing.T, input []byte) {
		p := &program{input}
		mode := p.byte()
		content := slices.Clone(bases[mode>>1&3])
		if mode&0x10 != 0 {
			content = relisted(content, p)
		} else {
			content = patched(p, content, mode&1 != 0)
		}
		testkit.Check(t, os.WriteFile(path, content, 0o600))
		defer unchanged(t, path, content)
		_, err := inspect.Stat(path)
		file, errOpen := inspect.Open(path)
		if errOpen != nil {
			expect(t, "Open", errOpen, refusals...)
			return
		}
		defer file.Close()
		expect(t, "Stat", err)
		inspected(t, file)
	})
}

// relisted gives a file another element size and field list, with fingerprint and checksums that
// are right.
func relisted(b []byte, p *program) []byte {
	size := uint64(p.byte())
	fields := p.rest
	if len(fields) > 16000 {
		return b
	}
	_, lines, _ := strings.Cut(string(fields), "\n")
	for _, at := range []int{0, secondCopy} {
		h := b[at:]
		binary.LittleEndian.PutUint64(h[24:], size)
		binary.LittleEndian.PutUint32(h[104:], uint32(copy(h[112:], fields)))
		order := []string{"", "little", "big"}[binary.LittleEndian.Uint32(h[16:])]
		sum := sha256.Sum256(fmt.Appendf(nil, "%ssize %d\nstride %d\norder %s\nversion 1\n", lines, size, size, order))
		copy(h[48:64], sum[:])
	}
	return patched(&program{}, b, true)
}

func inspected(t *testing.T, f *inspect.File) {
	info, columns := f.Info(), f.Columns()
	if len(columns) != len(info.Fields) {
		t.Fatalf("%d columns of %d fields", len(columns), len(info.Fields))
	}
	for _, c := range columns {
		if found, err := f.Column(c.Path); err != nil || found.Kind == "" {
			t.Fatalf("the column %q: %v, %v", c.Path, found, err)
		}
	}
	const most = 100
	rows := 0
	for i, row := range f.All() {
		if rows++; rows > most {
			break
		}
		e, err := f.Element(i)
		expect(t, "Element", err)
		for k, c := range columns {
			if row[k] == nil || !sameBits(row[k], c.Value(e)) {
				t.Fatalf("%s of element %d is %v and %v", c.Path, i, row[k], c.Value(e))
			}
			if text := c.AppendText(nil, e); len(text) == 0 && c.Kind != "string" {
				t.Fatalf("%s of element %d has no text", c.Path, i)
			}
		}
	}
	for e, err := range f.Elements(0, f.Len()) {
		if rows--; err != nil {
			expect(t, "Elements", err, refusals...)
		}
		if rows < 0 && err == nil {
			t.Fatalf("Elements yields %d, which All does not", e.Index)
		}
		if rows <= 0 {
			break
		}
	}
	if _, err := f.Element(f.Len()); err == nil {
		t.Fatal("an element past the last one")
	}
}

// sameBits compares values, among which may be NaNs.
func sameBits(x, y any) bool {
	return reflect.TypeOf(x) == reflect.TypeOf(y) && fmt.Sprint(x) == fmt.Sprint(y)
}

// slabBytes makes a slab file with objects and free slots.
func slabBytes(f *testing.F, dir string) []byte {
	path := filepath.Join(dir, "base")
	s, err := slab.Create[entry](path, 8)
	testkit.Check(f, err)
	for i := range uint64(5) {
		h, err := s.Insert(entry{ID: i})
		if err == nil && i == 2 {
			err = s.Free(h)
		}
		testkit.Check(f, err)
	}
	testkit.Check(f, s.Close())
	return taken(f, path)
}

// blobBytes makes a blob file.
func blobBytes(f *testing.F, dir string) []byte {
	path := filepath.Join(dir, "base")
	s, err := blob.Create(path)
	testkit.Check(f, err)
	for _, text := range []string{"one", "twelve bytes", "x"} {
		_, err := s.AppendString(text)
		testkit.Check(f, err)
	}
	testkit.Check(f, s.Close())
	return taken(f, path)
}

// taken reads a file and removes it.
func taken(f *testing.F, path string) []byte {
	b, err := os.ReadFile(path)
	testkit.Check(f, errors.Join(err, os.Remove(path)))
	return b
}
