package region_test

import (
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

type namedSide struct {
	Price float64
	Qty   uint64
}

type namedQuote struct {
	namedSide
	Bid    namedSide
	Levels [4]namedSide
	Port   endian.BE16[uint16]
	Firm   region.Bool8
	None   [0]byte
	_      [5]byte
	Hits   atomic.Uint64
}

// TestFieldByNameIsFieldByOffset compares the columns by writing through the one and reading
// through the other.
func TestFieldByNameIsFieldByOffset(t *testing.T) {
	r := testkit.Must(region.New[namedQuote](5))(t)
	defer r.Close()
	var q namedQuote
	sameAs[float64](t, r, "Price", unsafe.Offsetof(q.Price), 1.5)
	sameAs[float64](t, r, "namedSide.Price", unsafe.Offsetof(q.Price), 2.5)
	sameAs[float64](t, r, "Bid.Price", unsafe.Offsetof(q.Bid)+unsafe.Offsetof(q.Bid.Price), 3.5)
	sameAs[uint64](t, r, "Levels[3].Qty", unsafe.Offsetof(q.Levels)+3*unsafe.Sizeof(q.Bid)+unsafe.Offsetof(q.Bid.Qty), 4)
	sameAs(t, r, "Levels[1]", unsafe.Offsetof(q.Levels)+unsafe.Sizeof(q.Bid), namedSide{5, 6})
	sameAs(t, r, "Levels", unsafe.Offsetof(q.Levels), [4]namedSide{{7, 8}})
	sameAs(t, r, "Firm", unsafe.Offsetof(q.Firm), region.Bool8(1))
	var port endian.BE16[uint16]
	port.Set(80)
	sameAs(t, r, "Port", unsafe.Offsetof(q.Port), port)

	none := testkit.Must(region.FieldByName[float64](region.View[namedQuote]{}, "Price"))(t)
	if none.Len() != 0 {
		t.Errorf("a column of no elements has %d", none.Len())
	}
	array := testkit.Must(region.New[[3]byte](2))(t)
	defer array.Close()
	array.Set(1, [3]byte{1, 2, 3})
	if col := testkit.Must(region.FieldByName[byte](array.View(), "[2]"))(t); col.At(1) != 3 || col.Len() != 2 {
		t.Errorf("a column of an array is %d of %d", col.At(1), col.Len())
	}
}

func sameAs[F comparable](t *testing.T, r *region.Region[namedQuote], path string, offset uintptr, x F) {
	t.Helper()
	named := testkit.Must(region.FieldByName[F](r.View(), path))(t)
	placed := testkit.Must(region.Field[F](r.View(), offset))(t)
	if named.Len() != r.Len() {
		t.Errorf("%s has %d elements", path, named.Len())
	}
	named.Set(4, x)
	if got := placed.At(4); got != x || placed.At(3) == x {
		t.Errorf("%s by offset is %v, want %v", path, got, x)
	}
	readOnly := testkit.Must(region.FieldByName[F](r.View().ReadOnly(), path))(t)
	testkit.Wants(t, path, readOnly.Store(0, x), typedmem.ErrProtection)
}

func TestFieldByNameRefusals(t *testing.T) {
	r := testkit.Must(region.New[namedQuote](1))(t)
	defer r.Close()
	v := r.View()
	testkit.Wants(t, "a wrong name", second(region.FieldByName[float64](v, "Bid.Prise")), typedmem.ErrType,
		"field by name", `"Bid.Prise"`, `namedSide has no field "Prise"`, "it has Price float64, Qty uint64")
	testkit.Wants(t, "a wrong type", second(region.FieldByName[float32](v, "Bid.Price")), typedmem.ErrType, "Bid.Price", "is float64, not float32")
	testkit.Wants(t, "a type of the same kind", second(region.FieldByName[uint8](v, "Firm")), typedmem.ErrType, "is region.Bool8, not uint8")
	testkit.Wants(t, "inside a number", second(region.FieldByName[[2]byte](v, "Port.b")), typedmem.ErrType, `BE16[uint16] has no field "b"`)
	testkit.Wants(t, "an atomic field", second(region.FieldByName[atomic.Uint64](v, "Hits")), typedmem.ErrOperation, "Hits", "atomic.Uint64", "Ptr")
	testkit.Wants(t, "no bytes", second(region.FieldByName[[0]byte](v, "None")), typedmem.ErrType, "no bytes")
	testkit.Wants(t, "an index", second(region.FieldByName[namedSide](v, "Levels[4]")), typedmem.ErrType, "[0] to [3]")

	testkit.Check(t, r.Close())
	col, err := region.FieldByName[float64](v, "Price")
	testkit.Check(t, err)
	testkit.Wants(t, "after Close", second(col.Load(0)), typedmem.ErrClosed)
}
