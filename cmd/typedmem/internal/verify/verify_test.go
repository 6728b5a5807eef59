package verify

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

type tick struct {
	ID     uint64
	Price  float64
	Levels [3]struct {
		Qty  uint32
		Side [4]uint8
	}
	Flag region.Bool8
	_    [7]byte
}

type foreign struct {
	Seq  endian.BE32[uint32]
	Temp endian.LE16[int16]
}

type counter struct {
	N    atomic.Int64
	Z    complex128
	C    complex64
	Rows [2][3]int16
	_    int32
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// regionFile returns the bytes of a region file.
func regionFile[T any](t *testing.T, o region.FileOptions, xs ...T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.tm")
	o.Write, o.Create = true, true
	r, err := region.OpenFile[T](path, o)
	check(t, err)
	check(t, r.Append(xs...))
	check(t, r.Close())
	b, err := os.ReadFile(path)
	check(t, err)
	return b
}

func slabFile(t *testing.T, save bool) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.tm")
	s, err := slab.Create[tick](path, 1000)
	check(t, err)
	var all []slab.Handle[tick]
	for i := range 50 {
		h, err := s.Insert(tick{ID: uint64(i)})
		check(t, err)
		all = append(all, h)
	}
	for _, h := range all[:20] {
		check(t, s.Free(h))
	}
	if save {
		path += "2"
		check(t, s.Snapshot(path))
	}
	check(t, s.Close())
	b, err := os.ReadFile(path)
	check(t, err)
	return b
}

func blobFile(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.tm")
	s, err := blob.Create(path)
	check(t, err)
	for _, text := range []string{"one", "twelve12", "a longer text than eight bytes", strings.Repeat("x", 1000)} {
		_, err := s.AppendString(text)
		check(t, err)
	}
	check(t, s.Close())
	b, err := os.ReadFile(path)
	check(t, err)
	return b
}

func of(t *testing.T, b []byte) Report {
	t.Helper()
	report, err := reader(bytes.NewReader(b), func() (int64, error) { return int64(len(b)), nil })
	check(t, err)
	return report
}

func TestFilesOfTheLibraryAreRight(t *testing.T) {
	for name, c := range map[string]struct {
		file    []byte
		kind    string
		n, live uint64
	}{
		"struct":     {regionFile(t, region.FileOptions{}, make([]tick, 9)...), "region", 9, 0},
		"empty":      {regionFile[tick](t, region.FileOptions{}), "region", 0, 0},
		"scalar":     {regionFile(t, region.FileOptions{}, 1.5, 2.5), "region", 2, 0},
		"bytes":      {regionFile(t, region.FileOptions{}, []byte("some bytes that are no blobs")...), "region", 28, 0},
		"array":      {regionFile(t, region.FileOptions{}, [3][4]float32{}), "region", 1, 0},
		"rows":       {regionFile(t, region.FileOptions{Width: 3}, make([]int32, 12)...), "region", 12, 0},
		"endian":     {regionFile(t, region.FileOptions{}, foreign{}), "region", 1, 0},
		"slab":       {slabFile(t, false), "slab", 50, 30},
		"slab saved": {slabFile(t, true), "slab", 50, 30},
		"blob":       {blobFile(t), "blob", 4, 0},
	} {
		r := of(t, c.file)
		if len(r.Wrong) > 0 || r.Kind != c.kind || r.Objects != c.live || r.Len < c.n || c.kind != "slab" && r.Len != c.n {
			t.Errorf("%s: %+v", name, r)
		}
	}
	path := filepath.Join(t.TempDir(), "a.tm")
	r, err := region.Create[counter](path, 3)
	if err != nil {
		t.Skip("this platform has no atomics in files: ", err)
	}
	check(t, r.Close())
	if r, err := File(path); err != nil || len(r.Wrong) > 0 {
		t.Error(err, r)
	}
}

// A file that a writer has open, or that it was killed with, is right too.
func TestFilesInUseAreRight(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tm")
	r, err := region.Create[tick](path, 0)
	check(t, err)
	defer r.Close()
	for i := range 1000 {
		check(t, r.Append(tick{}))
		if i%100 != 99 {
			continue
		}
		report, err := File(path)
		if err != nil || len(report.Wrong) > 0 {
			t.Fatalf("%v: %+v", err, report)
		}
		if _, known := sameBoot(nil); known && (report.Len != uint64(i+1) || report.Writer != uint64(os.Getpid())) {
			t.Fatalf("%+v after %d", report, i+1)
		}
	}
}

// sums makes the checksums of both header copies right again.
func sums(b []byte) {
	for _, at := range []int{0, copySize} {
		c := b[at : at+copySize]
		n := min(le.Uint32(c[104:]), mostFields)
		le.PutUint32(c[20:], crc32.Update(crc32.ChecksumIEEE(c[:20]), crc32.IEEETable, c[24:112+n]))
	}
}

// Each claim of FORMAT.md is checked: what breaks it is found, and by its name.
func TestEachClaimIsChecked(t *testing.T) {
	plain := regionFile(t, region.FileOptions{Width: 2}, make([]tick, 4)...)
	slabs, blobs := slabFile(t, false), blobFile(t)
	both := func(at int, x uint64) func([]byte) []byte {
		return func(b []byte) []byte {
			le.PutUint64(b[at:], x)
			le.PutUint64(b[copySize+at:], x)
			sums(b)
			return b
		}
	}
	both32 := func(at int, x uint32) func([]byte) []byte {
		return func(b []byte) []byte {
			le.PutUint32(b[at:], x)
			le.PutUint32(b[copySize+at:], x)
			sums(b)
			return b
		}
	}
	replaced := func(old, new string) func([]byte) []byte {
		return func(b []byte) []byte {
			if !bytes.Contains(b[:block], []byte(old)) || len(old) != len(new) {
				t.Fatalf("%q cannot be replaced", old)
			}
			copy(b[:block], bytes.ReplaceAll(b[:block], []byte(old), []byte(new)))
			sums(b)
			return b
		}
	}
	live := func(record func(b []byte)) func([]byte) []byte {
		return func(b []byte) []byte {
			for i := range 16 {
				b[liveAt+i] = 7
			}
			le.PutUint64(b[liveAt+16:], 4711)
			le.PutUint32(b[liveAt+44:], crc32.ChecksumIEEE(b[liveAt:liveAt+44]))
			le.PutUint64(b[liveAt+48:], 4|complementSum(4)<<48)
			record(b[liveAt:])
			return b
		}
	}
	defer func(old func([]byte) (bool, bool)) { sameBoot = old }(sameBoot)
	sameBoot = func(id []byte) (bool, bool) { return id[0] == 7, true }
	used := 0
	for ; binary.NativeEndian.Uint64(slabs[block+8*used:]) == 0; used++ {
	}
	for _, c := range []struct {
		file  []byte
		spoil func([]byte) []byte
		want  string // "" for nothing
	}{
		{plain, func([]byte) []byte { return nil }, "is empty"},
		{plain, func(b []byte) []byte { return b[:100] }, "100 bytes, its header block alone"},
		{plain, func(b []byte) []byte { return b[:block+100] }, "4 elements end at byte 65728: it was cut off"},
		{plain, func(b []byte) []byte { b[0]++; return b }, "header copy A: it does not begin with the magic number"},
		{plain, func(b []byte) []byte { b[copySize+8]++; return b }, "header copy B: its format version is 2"},
		{plain, func(b []byte) []byte { b[30]++; return b }, "header copy A: its checksum is"},
		{plain, func(b []byte) []byte { le.PutUint64(b[64:], 2); sums(b); return b }, ""}, // an older length
		{plain, func(b []byte) []byte { le.PutUint64(b[96:], 1); sums(b); return b }, "describe different files"},
		{plain, func(b []byte) []byte { b[40000] = 1; return b }, "byte 40000 of the header block is 0x01"},
		{plain, func(b []byte) []byte { b[liveAt+56]++; b[liveAt+64]++; return b }, ""}, // the counts
		{plain, both32(12, 3), "its kind is 3"},
		{plain, both32(16, 0), "its byte order is 0"},
		{plain, both32(16, 3-le.Uint32(plain[16:])), "its fingerprint is"},
		{plain, both32(104, 20000), "its field list has 20000 bytes"},
		{plain, both32(108, 1), "bytes 108 to 111 are 0x1"},
		{plain, both(24, 40), "ends at byte 41 of elements of 40 bytes"},
		{plain, both(24, 57), "its fields have 48 bytes, its elements 57"},
		{plain, both(32, 4), "its alignment is 4, the greatest number of its field list has 8"},
		{plain, both(40, 4096), "its data begins at byte 4096"},
		{plain, both(48, 0), "its fingerprint is"},
		{plain, both(64, 3), "no whole number of rows of 2"},
		{plain, both(24, 1<<61), "do not fit any file"},
		{plain, both(64, 1<<50), "a live record has room for 48 bits"},
		{plain, both(80, 1), "it is a region and has 1 slots"},
		{plain, both(88, 1), "and a salt of 0x1"},
		{plain, replaced("# ", "% "), "does not begin with the name"},
		{plain, replaced("ID uint64 0 8", "ID uint64 8 8"), "do not follow one another"},
		{plain, replaced("ID uint64 0 8", "ID uint96 0 8"), `there is no kind "uint96"`},
		{plain, replaced("ID uint64 0 8", "ID uint64 0 4"), "a uint64 has 8 bytes"},
		{plain, replaced("ID uint64 0 8", "ID uint64 1 8"), "not aligned to 8"},
		{plain, replaced("ID uint64 0 8", "ID uint64 x 8"), `"x" is no offset`},
		{plain, replaced("ID uint64 0 8", "ID uint64 0 0"), `"0" is no size`},
		{plain, replaced("ID uint64 0 8", "ID uint64 0_8"), "not path, kind, offset and size"},
		{plain, replaced("[3:8]", "[3;8]"), "is no array of structs"},
		{plain, replaced("[3:8]", "[3:7]"), "do not follow"},
		{plain, replaced("[3:8]", "[9:8]"), "of elements of 48 bytes"},
		{plain, replaced("[4]uint8", "[0]uint8"), `"[0]uint8" is no array`},
		{plain, live(func([]byte) {}), ""},
		{plain, live(func(b []byte) { b[16]++ }), "the live record has the checksum"},
		{plain, live(func(b []byte) { b[48]++ }), "its sum is wrong for the length 5"},
		{plain, live(func(b []byte) { le.PutUint64(b[48:], 3|complementSum(3)<<48) }), "3 elements, no whole number of rows of 2"},
		{plain, live(func(b []byte) { le.PutUint64(b[48:], 1<<20|complementSum(1<<20)<<48) }), "1048576 elements end at byte"},
		{slabs, both(80, 0), "it is a slab of 0 slots"},
		{slabs, both(64, 1001), "1001 of its 1000 slots may be in use"},
		{slabs, both(96, 2), "it is a slab and has rows of 2"},
		{slabs, both(80, 1<<20), "the words of its 1048576 slots end at byte"},
		{slabs, func(b []byte) []byte { return b[:block+80] }, "was cut off"},
		{slabs, func(b []byte) []byte { return b[:2*block+80] }, "slots past the end of the file were used"},
		{slabs, func(b []byte) []byte { b[block+8*used] ^= 4; b[block+8*used+7] ^= 4; return b }, "the check of its word"},
		{slabs, func(b []byte) []byte {
			binary.NativeEndian.PutUint64(b[block:], 1<<32|mix(le.Uint64(b[88:])+1<<32)&0xFFFFFFFE)
			return b
		}, "has the generation 1"},
		{blobs, func(b []byte) []byte { clear(b[block+8 : block+16]); return b }, "the key of the blobs is 0"},
		{blobs, func(b []byte) []byte { b[block+24] ^= 1; return b }, "byte 16 of the data: the blob of 3 bytes has the mark"},
		{blobs, func(b []byte) []byte { b[block+28] ^= 1; return b }, "byte 16 of the data: the blob of 3 bytes is not followed by zeros"},
		{blobs, func(b []byte) []byte { b[block+16] = 0; return b }, "byte 16 of the data: a blob of no bytes"},
		{blobs, func(b []byte) []byte { b[block+18] = 1; return b }, "ends after the data"},
		{blobs, both(64, 12), "the blobs begin with 12 bytes"},
		{blobs, both(64, 36), "the last 4 bytes are no blob"},
	} {
		r := of(t, c.spoil(bytes.Clone(c.file)))
		all := strings.Join(r.Wrong, "\n")
		if c.want == "" && len(r.Wrong) > 0 || !strings.Contains(all, c.want) {
			t.Errorf("%q is not found, but %q", c.want, r.Wrong)
		}
	}
}

// Whatever the bytes are, there is a report and no crash, and what the library refuses is not
// right.
func TestAnyDamage(t *testing.T) {
	files := map[string][]byte{
		"region": regionFile(t, region.FileOptions{}, make([]tick, 9)...), "slab": slabFile(t, false), "blob": blobFile(t),
	}
	rounds := 1000
	if testing.Short() {
		rounds = 200
	}
	for name, whole := range files {
		r := rand.New(rand.NewPCG(1, 2))
		for range rounds {
			b := bytes.Clone(whole)
			for range 1 + r.IntN(3) {
				at := r.IntN(400)
				if r.IntN(4) == 0 {
					at = block + r.IntN(len(b)-block)
				}
				b[at] ^= byte(1 << r.IntN(8))
				if r.IntN(2) == 0 {
					b[copySize+at%400] = b[at%400]
				}
			}
			if r.IntN(2) == 0 {
				sums(b)
			}
			if r.IntN(8) == 0 {
				b = b[:r.IntN(len(b))]
			}
			report := of(t, b)
			if len(report.Wrong) > 0 || name != "region" || len(b) < block {
				continue
			}
			path := filepath.Join(t.TempDir(), "a.tm")
			check(t, os.WriteFile(path, b, 0o666))
			back, err := region.Open[tick](path)
			if err != nil {
				t.Fatalf("nothing is found wrong, and the library says %v", err)
			}
			check(t, back.Close())
		}
	}
}

func TestAFileThatIsWrongAllOver(t *testing.T) {
	b := slabFile(t, false)
	for i := range 50 {
		b[block+8*i] ^= 2
	}
	le.PutUint64(b[64:], 1000)
	le.PutUint64(b[copySize+64:], 1000)
	sums(b)
	for i := 50; i < 1000; i++ {
		b[block+8*i] = 2
	}
	if r := of(t, b); len(r.Wrong) != mostFindings || r.More < 800 {
		t.Errorf("%d findings and %d more", len(r.Wrong), r.More)
	}
}
