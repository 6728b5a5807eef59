package rows

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/region"
)

// tick is a record of 32 bytes with the column that the row adds up.
type tick struct {
	Time   uint64
	Price  float64
	Volume uint64
	ID     uint64
}

func tickOf(i int) tick { return tick{Price: float64(i), ID: uint64(i)} }

var sinkFloat float64

//go:noinline
func columnSlice(s []tick) (sum float64) {
	for i := range s {
		sum += s[i].Price
	}
	return sum
}

//go:noinline
func columnAt(c region.Strided[float64]) (sum float64) {
	for i := range c.Len() {
		sum += c.At(i)
	}
	return sum
}

//go:noinline
func columnAll(c region.Strided[float64]) (sum float64) {
	for _, x := range c.All() {
		sum += x
	}
	return sum
}

//go:noinline
func columnBinary(b []byte) (sum float64) {
	const size, at = int(unsafe.Sizeof(tick{})), int(unsafe.Offsetof(tick{}.Price))
	for i := at; i+8 <= len(b); i += size {
		sum += math.Float64frombits(binary.NativeEndian.Uint64(b[i:]))
	}
	return sum
}

func stridedRows() []harness.Row {
	row := func(name string, full, quick int) harness.Row {
		mem := sized(full, quick, tickOf)
		onHeap := func(kernel func(s []tick) float64) func(*harness.Env) (harness.Bench, error) {
			return func(e *harness.Env) (harness.Bench, error) {
				m := mem(e)
				s, err := harness.Keep(e, "heap", func() ([]tick, func() error, error) { return m.heap(), func() error { return nil }, nil })
				return harness.Bench{Ops: m.n, Run: repeat(func(int) error { sinkFloat += kernel(s); return nil })}, err
			}
		}
		onColumn := func(kernel func(c region.Strided[float64]) float64) func(*harness.Env) (harness.Bench, error) {
			return func(e *harness.Env) (harness.Bench, error) {
				m := mem(e)
				r, err := m.anonymous(e, 0)
				if err != nil {
					return harness.Bench{}, err
				}
				c, err := region.Field[float64](r.View(), unsafe.Offsetof(tick{}.Price))
				return harness.Bench{Ops: m.n, Run: repeat(func(int) error { sinkFloat += kernel(c); return nil })}, err
			}
		}
		return harness.Row{Name: "column of 32-byte records, " + name, Unit: "record", Floor: "loop over heap structs", Cases: []harness.Case{
			{Name: "loop over heap structs", Setup: onHeap(columnSlice)},
			{Name: "Field.At", Lib: harness.Ours, Setup: onColumn(columnAt)},
			{Name: "Field.All", Lib: harness.Ours, Setup: onColumn(columnAll)},
			{Name: "encoding/binary", Lib: "encoding/binary", Setup: onHeap(func(s []tick) float64 {
				// SAFETY: the bytes of the records, which have no pointers.
				return columnBinary(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(tick{}))))
			})},
		}}
	}
	return []harness.Row{row("256 KiB", 256<<10, 256<<10), row("512 MiB", 512<<20, 64<<20)}
}
