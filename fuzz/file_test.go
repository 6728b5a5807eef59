package fuzz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

type entry struct {
	ID    uint64
	Price [2]float32
}

// Places in a region file, as FORMAT.md has them.
const (
	secondCopy = 16 << 10
	liveRecord = 32 << 10
	dataStart  = 64 << 10
)

// FuzzRegionFile takes any bytes for a region file: opened for reading it is an error or a region
// whose every element can be read, and the file stays as it was; opened for writing an error leaves
// it as it was too, and a success can be appended to.
func FuzzRegionFile(f *testing.F) {
	testenv.PartialPages(f)
	f.Add([]byte{0})
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x40\x07"))
	f.Add([]byte("\x03\x01\x00\x44\x03\x02\x20\x09\x04\x00\x00\xff"))
	f.Add([]byte("\x05\x02\x00\x20\x06\x05\x80"))
	f.Add([]byte("\x07\x01\x01\x40\xff\x00\x01\x47\x7f\x05\xff"))
	f.Add(append([]byte("\x00"), make([]byte, 64)...))
	dir := testkit.FastDir(f)
	bases := [2][]byte{fileBytes(f, dir, true), fileBytes(f, dir, false)}
	f.Add(append([]byte{0}, bases[0][:2000]...))
	path := filepath.Join(dir, "file")
	f.Fuzz(func(t *testing.T, input []byte) {
		p := &program{input}
		mode := p.byte()
		content := p.rest
		if mode&1 != 0 {
			content = patched(p, slices.Clone(bases[mode>>1&1]), mode&4 != 0)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		openFuzzed(t, path, content)
		openMutFuzzed(t, path, content)
	})
}

// fileBytes makes a region file of five elements; closed or as its writer has it open.
func fileBytes(f *testing.F, dir string, closed bool) []byte {
	path := filepath.Join(dir, "base")
	r, err := region.Create[entry](path, 0)
	if err != nil {
		f.Fatal(err)
	}
	for i := range uint64(5) {
		if err := r.Append(entry{ID: i + 1, Price: [2]float32{float32(i), 2}}); err != nil {
			f.Fatal(err)
		}
	}
	if err := r.Sync(); err != nil {
		f.Fatal(err)
	}
	if closed {
		if err := r.Close(); err != nil {
			f.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	if !closed {
		if err := r.Close(); err != nil {
			f.Fatal(err)
		}
	}
	if err := os.Remove(path); err != nil {
		f.Fatal(err)
	}
	return b[:dataStart+5*16]
}

// patched changes bytes of a valid file, makes the checksums fit if asked to, and cuts or extends
// it.
func patched(p *program, b []byte, repair bool) []byte {
	size := len(b)
	for len(p.rest) >= 4 {
		place, at, value := p.byte(), int(p.byte()), p.byte()
		switch place % 6 {
		case 0:
			b[at%112] = value
		case 1:
			b[secondCopy+at%112] = value
		case 2:
			b[liveRecord+at%40] = value
		case 3:
			b[112+at] = value
		case 4:
			b[dataStart+at%80] = value
		case 5:
			size = at << 10 * int(value) >> 8
			if value > 250 {
				size = dataStart + at
			}
		}
	}
	if repair {
		for _, copyStart := range []int{0, secondCopy} {
			h := b[copyStart : copyStart+secondCopy]
			if n := 112 + int(binary.LittleEndian.Uint32(h[104:])); n >= 112 && n <= len(h) {
				binary.LittleEndian.PutUint32(h[20:], crc32.Update(crc32.ChecksumIEEE(h[:20]), crc32.IEEETable, h[24:n]))
			}
		}
		live := b[liveRecord:]
		binary.LittleEndian.PutUint32(live[24:], crc32.ChecksumIEEE(live[:24]))
	}
	return append(b, make([]byte, max(0, size-len(b)))...)[:size]
}

// refusals are the reasons to refuse a file.
var refusals = []error{typedmem.ErrCorrupt, typedmem.ErrLayout, typedmem.ErrTruncated, typedmem.ErrSize}

func unchanged(t *testing.T, path string, content []byte) {
	t.Helper()
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(now, content) {
		t.Fatalf("the file was changed: %d bytes, %d before", len(now), len(content))
	}
}

// readAll reads every element and compares it with the bytes of the file.
func readAll(t *testing.T, r *region.Region[entry], content []byte) {
	t.Helper()
	data := content[min(dataStart, len(content)):]
	if r.Len()*16 > len(data) {
		t.Fatalf("%d elements in %d bytes", r.Len(), len(data))
	}
	err := typedmem.Guard(func() error {
		for i, b := range slices.Collect(slices.Chunk(data[:r.Len()*16], 16)) {
			if x := r.At(i); !bytes.Equal(bytesOf(&x), b) {
				t.Fatalf("element %d is % x, the file has % x", i, bytesOf(&x), b)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("reading a file that was opened: %v", err)
	}
}

func openFuzzed(t *testing.T, path string, content []byte) {
	defer unchanged(t, path, content)
	r, err := region.Open[entry](path)
	if err != nil {
		expect(t, "Open", err, refusals...)
		return
	}
	readAll(t, r, content)
	if n, err := r.Refresh(); err != nil {
		expect(t, "Refresh", err, refusals...)
	} else if n != r.Len() {
		t.Fatalf("Refresh gives %d, Len %d", n, r.Len())
	}
	readAll(t, r, content)
	expect(t, "Append", r.Append(entry{}), typedmem.ErrProtection)
	expect(t, "Close", r.Close())
}

func openMutFuzzed(t *testing.T, path string, content []byte) {
	r, err := region.OpenMut[entry](path)
	if err != nil {
		expect(t, "OpenMut", err, refusals...)
		unchanged(t, path, content)
		return
	}
	n := r.Len()
	readAll(t, r, content)
	last := entry{ID: 99, Price: [2]float32{7, 8}}
	expect(t, "Append", r.Append(last))
	expect(t, "Close", r.Close())
	if r, err = region.Open[entry](path); err != nil {
		t.Fatalf("opening again after an append: %v", err)
	}
	if r.Len() != n+1 || r.At(n) != last {
		t.Fatalf("%d elements after an append to %d, the last is %v", r.Len(), n, r.At(r.Len()-1))
	}
	expect(t, "Close", errors.Join(r.Close()))
}
