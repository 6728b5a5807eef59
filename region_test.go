package typedmem_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	xmmap "golang.org/x/exp/mmap"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

const (
	dataOffset = 64 << 10 // of FORMAT.md
	liveRecord = 32 << 10 // of FORMAT.md
)

// Tick is a record as a service would store it.
type Tick struct {
	Time  int64
	Price float64
	Size  uint32
	Venue uint16
	Buy   region.Bool8
	_     [1]byte
}

// smallCapacity keeps address space small where many regions are made.
var smallCapacity = region.FileOptions{Write: true, Create: true, Capacity: 1 << 16}

func ticks(n int) []Tick {
	r := rand.New(rand.NewPCG(7, 7))
	list := make([]Tick, n)
	for i := range list {
		list[i] = Tick{Time: int64(i), Price: r.Float64() * 100, Size: r.Uint32N(1000), Venue: uint16(i % 5)}
		list[i].Buy.Set(i%3 == 0)
	}
	return list
}

// TestTypedArrayInAFile is the life of a region file: made, filled, changed, closed, opened by
// others, read by a program that knows only the format.
func TestTypedArrayInAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ticks.tm")
	want := ticks(10_000)
	r, err := region.Create[Tick](path, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(want); i += 100 {
		if err := r.Append(want[i : i+100]...); err != nil {
			t.Fatal(err)
		}
	}
	want[17].Price = 42
	r.Set(17, want[17])
	if err := r.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}

	r, err = region.Open[Tick](path)
	if err != nil {
		t.Fatal(err)
	}
	if r.Len() != len(want) {
		t.Fatalf("%d elements, want %d", r.Len(), len(want))
	}
	for i, x := range r.All() {
		if x != want[i] {
			t.Fatalf("element %d is %v, want %v", i, x, want[i])
		}
	}
	prices, err := region.Field[float64](r.View(), unsafe.Offsetof(Tick{}.Price))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range prices.All() {
		if p != want[i].Price {
			t.Fatalf("price %d is %v, want %v", i, p, want[i].Price)
		}
	}
	if err := r.Store(0, Tick{}); !errors.Is(err, typedmem.ErrProtection) {
		t.Errorf("writing to a file opened for reading: %v, want ErrProtection", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}

	independent, err := xmmap.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer independent.Close()
	record := make([]byte, unsafe.Sizeof(Tick{}))
	for _, i := range []int{0, 17, 9999} {
		if _, err := independent.ReadAt(record, int64(dataOffset+i*len(record))); err != nil {
			t.Fatal(err)
		}
		if got := int64(binary.NativeEndian.Uint64(record)); got != want[i].Time {
			t.Errorf("record %d read without the library has time %d, want %d", i, got, want[i].Time)
		}
	}
	page := os.Getpagesize()
	if size, most := independent.Len(), (dataOffset+len(want)*len(record)+page-1)/page*page; size != most {
		t.Errorf("the closed file takes %d bytes, want %d: nothing set aside ahead stays, but for the rest of a page", size, most)
	}
}

// TestTakingOverKeepsWhatAKilledWriterPublished opens a file whose writer was killed before it
// synced. From then on the length must not hang on the live record: it is written anew, and the new
// writer may be killed while that goes on.
func TestTakingOverKeepsWhatAKilledWriterPublished(t *testing.T) {
	testenv.Differs(t, partialLargePage)
	dir := t.TempDir()
	writer, err := region.OpenFile[Tick](filepath.Join(dir, "writer.tm"), smallCapacity)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := writer.Append(ticks(100)...); err != nil {
		t.Fatal(err)
	}
	copied := func(from, to string, change func([]byte)) string {
		file, err := os.ReadFile(filepath.Join(dir, from))
		if err != nil {
			t.Fatal(err)
		}
		change(file)
		if err := os.WriteFile(filepath.Join(dir, to), file, 0o666); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(dir, to)
	}
	killed := copied("writer.tm", "killed.tm", func([]byte) {})
	next, err := region.OpenFile[Tick](killed, smallCapacity)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if next.Len() != 100 {
		t.Skipf("this system does not name its runs: %d elements after a writer was killed", next.Len())
	}
	torn := copied("killed.tm", "torn.tm", func(file []byte) { clear(file[liveRecord : liveRecord+32]) })
	r, err := region.Open[Tick](torn)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Len() != 100 {
		t.Errorf("%d elements without the live record, want 100", r.Len())
	}
}

// TestEveryTruncation cuts a region file at every length near a border and at some in between: a
// clear error or the whole content, and never a change.
func TestEveryTruncation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ticks.tm")
	r, err := region.OpenFile[Tick](path, smallCapacity)
	if err != nil {
		t.Fatal(err)
	}
	want := ticks(300)
	if err := errors.Join(r.Append(want...), r.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Close leaves the end of the file between two pages: what follows the elements means nothing.
	dataEnd := dataOffset + len(want)*int(unsafe.Sizeof(Tick{}))
	var cuts []int
	for _, border := range []int{0, 8, 112, 16 << 10, 32 << 10, dataOffset, dataOffset + 4096, dataEnd} {
		for c := max(border-20, 0); c < min(border+20, dataEnd); c++ {
			cuts = append(cuts, c)
		}
	}
	for c := 0; c < dataEnd; c += 509 {
		cuts = append(cuts, c)
	}
	if err := os.WriteFile(path, whole[:dataEnd], 0o666); err != nil {
		t.Fatal(err)
	}
	if r, err = region.Open[Tick](path); err != nil || !slices.Equal(r.Slice(), want) {
		t.Fatalf("Open of the file up to the end of its elements: %v, %v", r, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range cuts {
		if err := os.WriteFile(path, whole[:c], 0o666); err != nil {
			t.Fatal(err)
		}
		for name, open := range map[string]func(string) (*region.Region[Tick], error){"Open": region.Open[Tick], "OpenMut": region.OpenMut[Tick]} {
			r, err := open(path)
			if err == nil {
				r.Close()
				t.Fatalf("%s of the first %d of %d bytes succeeded", name, c, len(whole))
			}
			if !errors.Is(err, typedmem.ErrTruncated) && !errors.Is(err, typedmem.ErrCorrupt) {
				t.Errorf("%s of %d bytes: %v, want ErrTruncated or ErrCorrupt", name, c, err)
			}
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(after, whole[:c]) {
			t.Fatalf("the file of %d bytes was changed", c)
		}
	}
}

// TestFailedConstructorsLeaveNothing makes every constructor fail and looks for leftover areas and
// files.
func TestFailedConstructorsLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	type holdsPointer struct{ P *int }
	taken := filepath.Join(dir, "taken")
	if err := os.WriteFile(taken, []byte("some text that is no region"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		try  func() error
		want error
	}{
		{"New of a pointer type", func() error { _, err := region.New[holdsPointer](1); return err }, typedmem.ErrType},
		{"New of too many", func() error { _, err := region.New[Tick](1 << (8*unsafe.Sizeof(0) - 2)); return err }, typedmem.ErrSize},
		{"New of a negative number", func() error { _, err := region.New[Tick](-1); return err }, typedmem.ErrSize},
		{"Create of a bool", func() error { _, err := region.Create[bool](filepath.Join(dir, "a"), 1); return err }, typedmem.ErrType},
		{"Create of too many", func() error { _, err := region.Create[Tick](filepath.Join(dir, "b"), -1); return err }, typedmem.ErrSize},
		{"Create over a file", func() error { _, err := region.Create[Tick](taken, 1); return err }, fs.ErrExist},
		{"Open of some text", func() error { _, err := region.Open[Tick](taken); return err }, typedmem.ErrCorrupt},
		{"Open of nothing", func() error { _, err := region.Open[Tick](filepath.Join(dir, "c")); return err }, fs.ErrNotExist},
		{"OpenFile of new huge pages", func() error {
			_, err := region.OpenFile[Tick](filepath.Join(dir, "d"), region.FileOptions{Write: true, Create: true, Flags: flags.HugePages})
			return err
		}, typedmem.ErrOperation},
		{"From nothing", func() error { _, err := region.From[Tick](nil); return err }, typedmem.ErrOperation},
	} {
		if err := c.try(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%d files are left in the folder, want the one that was there: %v", len(entries), err)
	}
}

func Example_file() {
	dir, err := os.MkdirTemp("", "typedmem")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	r, err := region.Create[Tick](filepath.Join(dir, "ticks.tm"), 0)
	if err != nil {
		panic(err)
	}
	defer r.Close()
	if err := r.Append(Tick{Price: 101.5, Size: 10}, Tick{Price: 102, Size: 30}); err != nil {
		panic(err)
	}
	if err := r.Sync(); err != nil {
		panic(err)
	}
	prices, err := region.Field[float64](r.View(), unsafe.Offsetof(Tick{}.Price))
	if err != nil {
		panic(err)
	}
	for i, p := range prices.All() {
		fmt.Println(i, p)
	}
	// Output:
	// 0 101.5
	// 1 102
}

func Example_mapping() {
	m, err := options.New(1 << 20).WithFlags(flags.Populate).MapMut()
	if err != nil {
		panic(err)
	}
	copy(m.Bytes(), "left")
	right, err := m.SplitOff(1 << 19)
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Len(), right.Len())
	fmt.Println(m.Close(), right.Close())
	// Output:
	// 524288 524288
	// <nil> <nil>
}
