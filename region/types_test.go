package region_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// memories tells for one type in which memory it was let live.
type memories struct{ anonymous, from, private, shared, selfDescribing error }

func tryMemories[T any](t *testing.T) (m memories) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "raw")
	testkit.Wants(t, "a file", os.WriteFile(path, make([]byte, 1<<16), 0o600), nil)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	testkit.Wants(t, "a file", err, nil)
	defer f.Close()
	done := func(r *region.Region[T], err error) error {
		if err == nil {
			testkit.Wants(t, "Close", r.Close(), nil)
		}
		return err
	}
	m.anonymous = done(region.New[T](3))
	mapping, err := options.New(4096).MapMut()
	testkit.Wants(t, "MapMut", err, nil)
	if m.from = done(region.From[T](mapping)); m.from != nil {
		testkit.Wants(t, "Close of the mapping that From refused", mapping.Close(), nil)
	}
	m.private = done(region.Map[T](options.New(4096).WithFile(f, 0)))
	m.shared = done(region.MapMut[T](options.New(4096).WithFile(f, 0).WithFlags(flags.Shared)))
	self := filepath.Join(t.TempDir(), "self")
	m.selfDescribing = done(region.Create[T](self, 3))
	if _, err := os.Stat(self); (err == nil) != (m.selfDescribing == nil) {
		t.Errorf("Create: %v, and the file: %v", m.selfDescribing, err)
	}
	if m.selfDescribing != nil {
		testkit.Wants(t, "Open", done(region.Open[T](self)), m.typeError())
	}
	return m
}

func (m memories) typeError() error { return typedmem.ErrType }

func TestTypesAreRefusedByMemory(t *testing.T) {
	all := func(name string, m memories, anonymous, file error, words ...string) {
		t.Run(name, func(t *testing.T) {
			fileWords, anonymousWords := words, words
			testkit.Wants(t, "New", m.anonymous, anonymous, anonymousWords...)
			testkit.Wants(t, "From", m.from, anonymous, anonymousWords...)
			testkit.Wants(t, "a private file", m.private, file, fileWords...)
			testkit.Wants(t, "a shared file", m.shared, file, fileWords...)
			testkit.Wants(t, "Create", m.selfDescribing, file, fileWords...)
		})
	}
	all("uint64", tryMemories[uint64](t), nil, nil)
	all("wide", tryMemories[wide](t), nil, nil)
	all("Bool8", tryMemories[region.Bool8](t), nil, nil)
	all("atomic.Int32", tryMemories[atomic.Int32](t), nil, nil)
	all("bool", tryMemories[struct{ On bool }](t), nil, typedmem.ErrType, "On", "region.Bool8")
	all("int", tryMemories[int](t), nil, typedmem.ErrType, "int64 or int32")
	all("padding", tryMemories[struct {
		A uint8
		B uint16
	}](t), nil, typedmem.ErrType, "after A", "_ [1]byte")
	all("string", tryMemories[struct{ Name string }](t), typedmem.ErrType, typedmem.ErrType, "Name", "fixed-size array")
	all("mutex", tryMemories[struct{ mu sync.Mutex }](t), typedmem.ErrType, typedmem.ErrType, "mu")
	all("nothing", tryMemories[struct{}](t), typedmem.ErrType, typedmem.ErrType, "no size")
}

func TestAtomicTypesAreForRawAccess(t *testing.T) {
	type counters struct {
		Hits atomic.Uint64
		Max  uint64
	}
	r, err := region.New[counters](4)
	testkit.Wants(t, "New", err, nil)
	defer r.Close()
	r.Ptr(2).Hits.Add(5)
	r.Slice()[2].Hits.Add(1)
	_, err = r.Load(2)
	testkit.Wants(t, "Load", err, typedmem.ErrOperation, "sync/atomic", "Ptr")
	for name, err := range map[string]error{
		"At":       testkit.Caught(t, func() { r.At(0) }),
		"View.At":  testkit.Caught(t, func() { r.View().At(0) }),
		"Fill":     testkit.Caught(t, func() { r.View().Fill(*new(counters)) }),
		"ReadOnly": testkit.Caught(t, func() { r.View().ReadOnly().At(0) }),
		"Append":   r.Append(*new(counters)),
		"All": testkit.Caught(t, func() {
			for range r.All() {
				t.Error("an element was copied")
			}
		}),
		"Bytes": r.View().Bytes().Store(0, 1),
	} {
		testkit.Wants(t, name, err, typedmem.ErrOperation)
	}
	col, err := region.Field[atomic.Uint64](r.View(), unsafe.Offsetof(counters{}.Hits))
	testkit.Wants(t, "Field", err, nil)
	_, err = col.Load(0)
	testkit.Wants(t, "Load of a field", err, typedmem.ErrOperation)
	_, err = region.Field[uint64](r.View(), unsafe.Offsetof(counters{}.Hits))
	testkit.Wants(t, "Field inside an atomic", err, typedmem.ErrType)
	testkit.Wants(t, "Resize", r.Resize(10), nil)
	if r.Len() != 10 || r.Ptr(2).Hits.Load() != 6 || r.Ptr(9).Hits.Load() != 0 {
		t.Fatal("the counters are lost")
	}
	plain, err := region.New[uint64](4)
	testkit.Wants(t, "New", err, nil)
	defer plain.Close()
	cast, err := region.Cast[atomic.Uint64](plain.View())
	testkit.Wants(t, "Cast", err, nil)
	cast.Ptr(1).Store(7)
	if plain.At(1) != 7 {
		t.Fatal("the cast shows other memory")
	}
	testkit.Wants(t, "a checked access to the cast", testkit.Caught(t, func() { cast.Fill(*new(atomic.Uint64)) }), typedmem.ErrOperation)
}

func TestBool8(t *testing.T) {
	r, err := region.New[region.Bool8](256)
	testkit.Wants(t, "New", err, nil)
	defer r.Close()
	for i := range 256 {
		*region8(r, i) = byte(i)
		if r.At(i).Get() != (i != 0) {
			t.Errorf("byte %d is %v", i, r.At(i).Get())
		}
	}
	r.Ptr(7).Set(false)
	r.Ptr(0).Set(true)
	if *region8(r, 7) != 0 || *region8(r, 0) != 1 {
		t.Error("Set writes something else than 0 and 1")
	}
}

func region8(r *region.Region[region.Bool8], i int) *byte { return r.View().Bytes().Ptr(i) }

// TestBoolsStayBools: no way of looking at memory with a bool writes a byte that is neither 0 nor
// 1, and none shows other bytes as a bool.
func TestBoolsStayBools(t *testing.T) {
	type withBool struct {
		On   bool
		Rest [3]uint8
	}
	r, err := region.New[withBool](4)
	testkit.Wants(t, "New", err, nil)
	defer r.Close()
	testkit.Wants(t, "Bytes", r.View().Bytes().Store(0, 2), typedmem.ErrProtection)
	cast, err := region.Cast[uint32](r.View())
	testkit.Wants(t, "Cast", err, nil)
	testkit.Wants(t, "a write to the cast", cast.Store(0, 2), typedmem.ErrProtection)
	_, err = region.Cast[withBool](cast)
	testkit.Wants(t, "Cast back", err, typedmem.ErrType, "Bool8")
	on, err := region.Field[bool](r.View(), 0)
	testkit.Wants(t, "Field", err, nil)
	testkit.Wants(t, "Store", on.Store(1, true), nil)
	if !r.At(1).On || r.At(0).On {
		t.Error("the field is another")
	}
}

// The list of fields has their Go types: a uint8 that is asked for and one that is there would
// otherwise look the same.
func TestFieldNamesGoTypes(t *testing.T) {
	type order struct {
		ID  uint64
		Buy [8]region.Bool8
	}
	r := numbered(t, 1, func(int) order { return order{} })
	_, err := region.Field[uint8](r.View(), unsafe.Offsetof(order{}.Buy))
	testkit.Wants(t, "Field", err, typedmem.ErrType, "no field of type uint8 at byte 8; it has path, type, offset, bytes:\nID uint64 0 8\nBuy [8]region.Bool8 8 8")
}

func TestFieldNamesWhatThereIs(t *testing.T) {
	type point struct{ X, Y float32 }
	type record struct {
		ID    uint64
		Pos   [2]point
		Count uint32
		_     uint32
	}
	r := numbered(t, 5, func(i int) record { return record{uint64(i), [2]point{{1, 2}, {3, float32(i)}}, uint32(i * i), 0} })
	v := r.View()
	y, err := region.Field[float32](v, unsafe.Offsetof(record{}.Pos)+12)
	testkit.Wants(t, "an element's field", err, nil)
	p, err := region.Field[point](v, unsafe.Offsetof(record{}.Pos)+8)
	testkit.Wants(t, "an element", err, nil)
	both, err := region.Field[[2]point](v, unsafe.Offsetof(record{}.Pos))
	testkit.Wants(t, "an array", err, nil)
	count, err := region.Field[uint32](v, unsafe.Offsetof(record{}.Count))
	testkit.Wants(t, "a field", err, nil)
	for i := range 5 {
		if y.At(i) != float32(i) || p.At(i) != (point{3, float32(i)}) || both.At(i)[1] != p.At(i) || count.At(i) != uint32(i*i) {
			t.Fatalf("record %d: %v %v %v %v", i, y.At(i), p.At(i), both.At(i), count.At(i))
		}
	}
	count.Set(3, 77)
	count.ReadOnly()
	if r.At(3).Count != 77 || r.At(3).Pos[1].Y != 3 || r.At(4).ID != 4 {
		t.Fatal("a write to a column went elsewhere")
	}
	misfits := map[string]error{}
	_, misfits["another type"] = region.Field[int32](v, unsafe.Offsetof(record{}.Count))
	_, misfits["between fields"] = region.Field[uint32](v, 4)
	_, misfits["past the end"] = region.Field[uint32](v, unsafe.Sizeof(record{}))
	_, misfits["far past the end"] = region.Field[uint32](v, ^uintptr(0)-2)
	_, misfits["blank"] = region.Field[uint32](v, unsafe.Offsetof(record{}.Count)+4)
	_, misfits["half an array"] = region.Field[[1]point](v, unsafe.Offsetof(record{}.Pos))
	for name, err := range misfits {
		testkit.Wants(t, name, err, typedmem.ErrType, "ID uint64 0 8", "Pos[2:8].X", "Count uint32 24 4")
	}
	_, err = region.Field[uint64](numbered(t, 1, func(int) uint64 { return 0 }).View(), 0)
	testkit.Wants(t, "a type without fields", err, typedmem.ErrType)
	empty, err := region.Field[uint32](region.View[record]{}, unsafe.Offsetof(record{}.Count))
	testkit.Wants(t, "a field of nothing", err, nil)
	if empty.Len() != 0 {
		t.Fatal("elements of nothing")
	}
	if strings.Count(misfits["blank"].Error(), "\n") < 4 {
		t.Errorf("the fields do not stand on lines of their own: %v", misfits["blank"])
	}
}

func TestCastIsRefused(t *testing.T) {
	r := numbered(t, 9, func(i int) byte { return byte(i) })
	_, err := region.Cast[string](r.View())
	testkit.Wants(t, "a string", err, typedmem.ErrType)
	_, err = region.Cast[struct{}](r.View())
	testkit.Wants(t, "nothing", err, typedmem.ErrType)
	_, err = region.Cast[bool](r.View())
	testkit.Wants(t, "a bool", err, typedmem.ErrType, "uint8 as bool", "Bool8")
	_, err = region.Cast[uint16](r.View())
	testkit.Wants(t, "a fraction", err, typedmem.ErrBounds, "9 bytes", "uint16")
	odd, err := r.Sub(1, 9)
	testkit.Wants(t, "Sub", err, nil)
	_, err = region.Cast[uint64](odd)
	testkit.Wants(t, "misaligned", err, typedmem.ErrBounds, "multiples of")
	f, err := os.CreateTemp(t.TempDir(), "")
	testkit.Wants(t, "a file", err, nil)
	defer f.Close()
	testkit.Wants(t, "a file", f.Truncate(64), nil)
	file, err := region.Map[byte](options.New(64).WithFile(f, 0))
	testkit.Wants(t, "Map", err, nil)
	defer file.Close()
	_, err = region.Cast[int](file.View())
	testkit.Wants(t, "an int in a file", err, typedmem.ErrType, "int64")
}
