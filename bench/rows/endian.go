package rows

import (
	"encoding/binary"
	"unsafe"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/region"
)

// packet is a record of 16 bytes that another program wrote, with a number of each size.
type packet struct {
	Kind endian.BE16[uint16]
	Port endian.LE16[uint16]
	Size endian.BE32[uint32]
	Time endian.BE64[uint64]
}

func packetOf(i int) (p packet) {
	p.Kind.Set(uint16(i))
	p.Port.Set(uint16(i >> 16))
	p.Size.Set(uint32(i))
	p.Time.Set(uint64(i))
	return p
}

//go:noinline
func packetsBinary(b []byte) (sum uint64) {
	for ; len(b) >= 16; b = b[16:] {
		sum += uint64(binary.BigEndian.Uint16(b)) + uint64(binary.LittleEndian.Uint16(b[2:])) +
			uint64(binary.BigEndian.Uint32(b[4:])) + binary.BigEndian.Uint64(b[8:])
	}
	return sum
}

//go:noinline
func packetsSlice(s []packet) (sum uint64) {
	for i := range s {
		p := &s[i]
		sum += uint64(p.Kind.Get()) + uint64(p.Port.Get()) + uint64(p.Size.Get()) + p.Time.Get()
	}
	return sum
}

//go:noinline
func packetsAt(v region.View[packet]) (sum uint64) {
	for i := range v.Len() {
		p := v.At(i)
		sum += uint64(p.Kind.Get()) + uint64(p.Port.Get()) + uint64(p.Size.Get()) + p.Time.Get()
	}
	return sum
}

func endianRows() []harness.Row {
	row := func(name string, full, quick int) harness.Row {
		mem := sized(full, quick, packetOf)
		of := func(kernel func(v region.View[packet]) uint64) func(*harness.Env) (harness.Bench, error) {
			return func(e *harness.Env) (harness.Bench, error) {
				m := mem(e)
				r, err := m.anonymous(e, 0)
				if err != nil {
					return harness.Bench{}, err
				}
				v := r.View()
				return harness.Bench{Ops: m.n, Run: repeat(func(int) error { sink += kernel(v); return nil })}, nil
			}
		}
		return harness.Row{Name: "foreign records of 16 bytes, " + name, Unit: "record", Floor: "encoding/binary", Cases: []harness.Case{
			{Name: "encoding/binary", Lib: "encoding/binary", Setup: of(func(v region.View[packet]) uint64 {
				// SAFETY: the bytes of the records, which have no pointers.
				return packetsBinary(unsafe.Slice((*byte)(unsafe.Pointer(v.Ptr(0))), v.Len()*16))
			})},
			{Name: "endian, View.Slice", Lib: harness.Ours, Setup: of(func(v region.View[packet]) uint64 { return packetsSlice(v.Slice()) })},
			{Name: "endian, View.At", Lib: harness.Ours, Setup: of(packetsAt)},
		}}
	}
	return []harness.Row{row("256 KiB", 256<<10, 256<<10), row("512 MiB", 512<<20, 64<<20)}
}
