package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

type Side struct {
	Price float64
	Qty   uint32
	Flags [4]uint8
}

type Tick struct {
	ID     uint64
	Bid    Side
	Levels [2]Side
	Seq    endian.BE32[uint32]
	Halted region.Bool8
	_      [3]byte
}

func tick(i int) Tick {
	t := Tick{ID: uint64(i), Bid: Side{float64(i) + 0.25, uint32(i * i), [4]uint8{1, 2, 3, byte(i)}}}
	for k := range t.Levels {
		t.Levels[k] = Side{Price: float64(10*i + k), Qty: uint32(k)}
	}
	t.Seq.Set(uint32(i) << 24)
	t.Halted.Set(i%3 == 0)
	return t
}

// inFiles makes the folder of the test the current one, with files of each kind in it.
func inFiles(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	makeFiles(t, ".")
}

// makeFiles makes the files in a folder.
func makeFiles(t testing.TB, dir string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ticks, err := region.Create[Tick](in("ticks.tm"), 0)
	must(err)
	for i := range 12 {
		must(ticks.Append(tick(i)))
	}
	must(ticks.Close())
	rows, err := region.OpenFile[float32](in("rows.tm"), region.FileOptions{Write: true, Create: true, Len: 12, Width: 4})
	must(err)
	for i := range 12 {
		rows.Set(i, float32(i)/8)
	}
	must(rows.Close())
	empty, err := region.Create[int16](in("empty.tm"), 0)
	must(err)
	must(empty.Close())
	orders, err := slab.Create[Side](in("orders.tm"), 100)
	must(err)
	for i := range 4 {
		h, err := orders.Insert(Side{Qty: uint32(i)})
		must(err)
		if i == 1 {
			must(orders.Free(h))
		}
	}
	must(orders.Close())
	names, err := blob.Create(in("names.tm"))
	must(err)
	for _, name := range []string{"ACME", "Borough & Sons", "Ünïcode GmbH", "with \"quotes\", a comma\nand a line"} {
		_, err := names.AppendString(name)
		must(err)
	}
	must(names.Close())
	all, err := os.ReadFile(in("ticks.tm"))
	must(err)
	must(os.WriteFile(in("cut.tm"), all[:65536+5*int(tickSize)+3], 0o666))
	damaged := append([]byte(nil), all...)
	damaged[64]++    // the length in the first copy
	damaged[50000]++ // what has to be zero
	must(os.WriteFile(in("damaged.tm"), damaged, 0o666))
	must(os.WriteFile(in("foreign.tm"), []byte("some text\n"), 0o666))
	must(os.WriteFile(in("nothing.tm"), nil, 0o666))
	must(os.Mkdir(in("folder"), 0o777))
}

const tickSize = 8 + 3*16 + 8
