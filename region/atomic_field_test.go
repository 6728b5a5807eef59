package region_test

import (
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
)

// besideAtomic has a name and a nested struct beside an atomic field.
type besideAtomic struct {
	Hits atomic.Uint64
	Name [48]byte
	In   struct {
		Misses atomic.Uint64
		Last   uint64
	}
}

// overlapping has plain fields where besideAtomic has atomic ones, and one that is atomic.
type overlapping struct {
	Hits uint64
	Rest [56]byte
	Last atomic.Uint64
}

// TestFieldBesideAnAtomicFieldIsUsable: what the field itself holds decides, and nothing that may
// overlap an atomic field is ever read or written in the plain way.
func TestFieldBesideAnAtomicFieldIsUsable(t *testing.T) {
	r := must(region.New[besideAtomic](3))(t)
	v := r.View()
	names := must(region.Field[[48]byte](v, unsafe.Offsetof(besideAtomic{}.Name)))(t)
	wants(t, "Store", names.Store(1, [48]byte{7}), nil)
	x, err := names.Load(1)
	wants(t, "Load", err, nil)
	if x[0] != 7 || r.Ptr(1).Name[0] != 7 {
		t.Errorf("%v, really %v", x, r.Ptr(1).Name)
	}
	last := must(region.Field[uint64](v, unsafe.Offsetof(besideAtomic{}.In)+unsafe.Offsetof(besideAtomic{}.In.Last)))(t)
	last.Set(2, 9)
	if last.At(2) != 9 {
		t.Error("a field of a nested struct")
	}

	readOnly := must(region.Field[[48]byte](v.ReadOnly(), unsafe.Offsetof(besideAtomic{}.Name)))(t)
	if readOnly.At(1) != x {
		t.Error("a column of a read-only view")
	}
	wants(t, "Store to a column of a read-only view", readOnly.Store(1, x), typedmem.ErrProtection)

	hits := must(region.Field[atomic.Uint64](v, 0))(t)
	in := must(region.Field[struct {
		Misses atomic.Uint64
		Last   uint64
	}](v, unsafe.Offsetof(besideAtomic{}.In)))(t)
	other := must(region.Cast[overlapping](v))(t)
	bytes := must(region.Cast[overlapping](v.Bytes()))(t)
	for what, err := range map[string]error{
		"the atomic field":                    caught(t, func() { hits.Fill(*new(atomic.Uint64)) }),
		"a nested struct with an atomic":      second(in.Load(0)),
		"a byte":                              second(v.Bytes().Load(0)),
		"a byte of the read-only view":        second(v.ReadOnly().Bytes().Load(0)),
		"another type's field, cast":          must(region.Field[uint64](other, 0))(t).Store(0, 1),
		"another type's field, cast of bytes": must(region.Field[uint64](bytes, 0))(t).Store(0, 1),
		"the same, of a read-only view":       second(must(region.Field[uint64](bytes.ReadOnly(), 0))(t).Load(0)),
		"a type without atomics":              second(must(region.Cast[uint64](v))(t).Load(0)),
	} {
		wants(t, what, err, typedmem.ErrOperation, "sync/atomic", "Ptr")
	}

	wants(t, "Close", r.Close(), nil)
	wants(t, "a column after Close", second(names.Load(1)), typedmem.ErrClosed)
}

// TestCastOfBoolsToAtomicsStaysReadOnly: a plain field of the new type may lie where a bool is.
func TestCastOfBoolsToAtomicsStaysReadOnly(t *testing.T) {
	r := must(region.New[[16]bool](2))(t)
	defer r.Close()
	v := must(region.Cast[struct {
		N     atomic.Uint64
		Plain uint64
	}](r.View()))(t)
	plain := must(region.Field[uint64](v, 8))(t)
	wants(t, "Load", second(plain.Load(0)), nil)
	wants(t, "Store", plain.Store(0, 2), typedmem.ErrProtection)
}

func second[T any](_ T, err error) error { return err }

func must[T any](x T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
}
