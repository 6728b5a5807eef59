package arrowio_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/arrowio"
	"github.com/typedmem/typedmem/arrowio/internal/roundtrip"
	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/region"
)

type quote struct {
	Price float64
	Qty   uint32
	Side  uint8
	_     [3]byte
}

type wrapped struct{ X float64 }

type foreign struct {
	A endian.BE64[uint64]
	B endian.LE64[uint64]
}

// wants fails the test unless err wraps want and says all of the words.
func wants(t *testing.T, what string, err, want error, words ...string) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: the error is %v, want %v", what, err, want)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%s: the error does not say %q: %v", what, word, err)
		}
	}
}

func TestTypesWithoutColumnsAreRefused(t *testing.T) {
	for _, c := range []struct {
		of    reflect.Type
		words string
	}{
		{reflect.TypeFor[atomic.Int64](), "by its methods only"},
		{reflect.TypeFor[struct {
			A uint64
			B struct{ Count [2]atomic.Uint32 }
		}](), "has atomic.Uint32 at B.Count[2], which can be read by its methods only"},
		{reflect.TypeFor[string](), "string cannot live in mapped memory"},
		{reflect.TypeFor[struct{ P *int }](), "has *int at P, which cannot live in mapped memory"},
		{reflect.TypeFor[struct{}](), "no field with a name and a size"},
		{reflect.TypeFor[struct{ _ [8]byte }](), "no field with a name and a size"},
		{reflect.TypeFor[[3]struct{ _ uint32 }](), "no field with a name and a size"},
	} {
		_, err := arrowio.SchemaOf(c.of)
		wants(t, c.of.String(), err, typedmem.ErrType, "arrow schema", c.words)
	}
	for _, elem := range []reflect.Type{reflect.TypeFor[byte](), reflect.TypeFor[int16]()} {
		if math.MaxInt == math.MaxInt32 {
			break // no address space has such an array
		}
		length := uint32(1 << 31)
		of := reflect.ArrayOf(int(length), elem)
		_, err := arrowio.SchemaOf(of)
		wants(t, of.String(), err, typedmem.ErrType, "longer than the lists of Arrow")
	}
}

func TestReadersRefuseNumbersOutOfRange(t *testing.T) {
	_, err := arrowio.NewReader(newRegion[int64](t).View(), -1)
	wants(t, "a batch of -1", err, typedmem.ErrBounds, "batches of -1 rows")
	bytes := newRegion[byte](t)
	check(t, bytes.Append(make([]byte, 15)...))
	_, err = arrowio.NewReaderOf(reflect.TypeFor[quote](), bytes.View(), 1)
	wants(t, "half an element", err, typedmem.ErrBounds, "15 bytes are no whole number of arrowio_test.quote of 16 bytes")
	_, err = arrowio.NewPinnedReader(new(region.Region[int64]), 1)
	wants(t, "a zero region", err, typedmem.ErrClosed)
	_, err = arrowio.NewReader(region.View[*int]{}, 1)
	wants(t, "pointers", err, typedmem.ErrType)
}

// A reader whose memory is taken away ends with an error, whether it copies or not.
func TestClosedMemoryIsAnError(t *testing.T) {
	t.Run("shown", closedMemory[int64])
	t.Run("copied", closedMemory[quote])
}

func closedMemory[T any](t *testing.T) {
	r, err := region.New[T](1000)
	check(t, err)
	records, err := arrowio.NewReader(r.View(), 300)
	check(t, err)
	defer records.Release()
	if !records.Next() {
		t.Fatal(records.Err())
	}
	check(t, r.Close())
	if records.Next() || records.RecordBatch() != nil {
		t.Error("a batch of closed memory")
	}
	wants(t, "closed", records.Err(), typedmem.ErrClosed, "arrow reader", "rows 300 to 600")
	if records.Next() {
		t.Error("the reader goes on after an error")
	}
}

// A pinned reader holds its region open until it and all batches that show its memory are released,
// in any order.
func TestPinnedReaderHoldsTheRegion(t *testing.T) {
	for _, readerFirst := range []bool{true, false} {
		r, err := region.New[int32](100)
		check(t, err)
		records, err := arrowio.NewPinnedReader(r, 60)
		check(t, err)
		if !records.Next() {
			t.Fatal(records.Err())
		}
		batch := records.RecordBatch()
		batch.Retain()
		wants(t, "a reader and a batch", r.Close(), typedmem.ErrBusy)
		if readerFirst {
			records.Release()
			wants(t, "a batch", r.Close(), typedmem.ErrBusy)
			batch.Release()
		} else {
			batch.Release()
			wants(t, "a reader", r.Close(), typedmem.ErrBusy)
			records.Release()
		}
		check(t, r.Close())
	}
	r, err := region.New[atomic.Int64](1)
	check(t, err)
	_, err = arrowio.NewPinnedReader(r, 1)
	wants(t, "a type without columns", err, typedmem.ErrType)
	check(t, r.Close())
}

func TestScalarsAreShownNotCopied(t *testing.T) {
	shows[float64](t, true)
	shows[uint8](t, true)
	shows[[4]int16](t, true)
	shows[[2]complex128](t, true)
	shows[wrapped](t, true)
	shows[[16]byte](t, true)
	shows[region.Bool8](t, false)
	shows[quote](t, false)
	shows[foreign](t, false)
}

// shows sets an element after a batch was made, and tells from the batch whether it shows the
// region's memory.
func shows[T any](t *testing.T, want bool) {
	t.Helper()
	r := newRegion[T](t)
	var zero T
	check(t, r.Append(zero, zero))
	records, err := arrowio.NewReader(r.View(), 2)
	check(t, err)
	defer records.Release()
	if !records.Next() {
		t.Fatal(records.Err())
	}
	bytes, err := region.Cast[byte](r.View())
	check(t, err)
	before := roundtrip.RowOf(reflect.TypeFor[T](), records.RecordBatch(), 1)
	bytes.Fill(1)
	if got := !reflect.DeepEqual(roundtrip.RowOf(reflect.TypeFor[T](), records.RecordBatch(), 1), before); got != want {
		t.Errorf("%T: a batch shows the memory: %v, want %v", zero, got, want)
	}
}

// Elements that do not begin at a multiple of their size are copied.
func TestMisalignedElementsAreCopied(t *testing.T) {
	bytes := newRegion[byte](t)
	check(t, bytes.Append(9, 1, 0, 0, 0, 2, 0, 0, 0))
	v, err := bytes.Sub(1, 9)
	check(t, err)
	records, err := arrowio.NewReaderOf(reflect.TypeFor[[4]byte](), v, 0) // bytes need no alignment
	check(t, err)
	defer records.Release()
	for _, of := range []reflect.Type{reflect.TypeFor[int32](), reflect.TypeFor[struct{ A int32 }]()} {
		records, err := arrowio.NewReaderOf(of, v, 0)
		check(t, err)
		if !records.Next() {
			t.Fatal(records.Err())
		}
		want := []byte{1, 0, 0, 0, 2, 0, 0, 0}
		if got := records.RecordBatch().Column(0).Data().Buffers()[1].Bytes(); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: the buffer is %v, want %v", of, got, want)
		}
		records.Release()
	}
}

// recordsOf makes a reader of one batch from JSON.
func recordsOf(t *testing.T, schema *arrow.Schema, text string) array.RecordReader {
	t.Helper()
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(text))
	check(t, err)
	records, err := array.NewRecordReader(schema, []arrow.RecordBatch{batch})
	check(t, err)
	batch.Release()
	t.Cleanup(records.Release)
	return records
}

func schemaOf(fields ...any) *arrow.Schema {
	var list []arrow.Field
	for i := 0; i < len(fields); i += 2 {
		list = append(list, arrow.Field{Name: fields[i].(string), Type: fields[i+1].(arrow.DataType), Nullable: true})
	}
	return arrow.NewSchema(list, nil)
}

var (
	float64s = arrow.PrimitiveTypes.Float64
	uint8s   = arrow.PrimitiveTypes.Uint8
	uint32s  = arrow.PrimitiveTypes.Uint32
	int64s   = arrow.PrimitiveTypes.Int64
)

// Append says of every column that differs how it does, and appends nothing.
func TestColumnsThatDoNotFit(t *testing.T) {
	quotes := newRegion[quote](t)
	_, err := arrowio.Append(quotes, recordsOf(t, schemaOf("Qty", int64s, "Side", uint8s), `[]`))
	wants(t, "quote", err, typedmem.ErrLayout, "append arrow records", "records do not fit arrowio_test.quote",
		"Price: the records have no such column, the type has float64", "Qty: the records have int64, the type has uint32")
	_, err = arrowio.Append(quotes, recordsOf(t, schemaOf("Price", float64s, "Price", float64s, "Qty", uint32s, "Side", uint8s), `[]`))
	wants(t, "two columns", err, typedmem.ErrLayout, "Price: the records have 2 columns of that name")
	_, err = arrowio.Append(newRegion[int64](t), recordsOf(t, schemaOf("a", int64s, "b", int64s), `[]`))
	wants(t, "int64", err, typedmem.ErrLayout, "value: the records have no such column, the type has int64")
	_, err = arrowio.Append(newRegion[[2]int64](t), recordsOf(t, schemaOf("a", arrow.FixedSizeListOf(3, int64s)), `[]`))
	wants(t, "three", err, typedmem.ErrLayout, "value: the records have fixed_size_list")
	_, err = arrowio.Append(newRegion[[2]int64](t), recordsOf(t, schemaOf("a", arrow.ListOf(uint8s)), `[]`))
	wants(t, "bytes", err, typedmem.ErrLayout, "[2]: the records have uint8, the type has int64")
	_, err = arrowio.Append(newRegion[struct{ Bid quote }](t), recordsOf(t, schemaOf("Bid", arrow.StructOf(arrow.Field{Name: "Qty", Type: float64s})), `[]`))
	wants(t, "nested", err, typedmem.ErrLayout, "Bid.Qty: the records have float64", "Bid.Price: the records have no such column")
	_, err = arrowio.Append(newRegion[struct{ Bid quote }](t), recordsOf(t, schemaOf("Bid", float64s), `[]`))
	wants(t, "no struct", err, typedmem.ErrLayout, "Bid: the records have float64, the type has struct")
	_, err = arrowio.Append(newRegion[atomic.Int64](t), recordsOf(t, schemaOf("a", int64s), `[]`))
	wants(t, "atomic", err, typedmem.ErrType)
	if quotes.Len() != 0 {
		t.Errorf("%d quotes", quotes.Len())
	}
}

// Append stops at a value that an element cannot hold.
func TestValuesThatDoNotFit(t *testing.T) {
	_, err := arrowio.Append(newRegion[quote](t), recordsOf(t, schemaOf("Price", float64s, "Qty", uint32s, "Side", uint8s),
		`[{"Price":1,"Qty":1,"Side":1},{"Price":1,"Qty":null,"Side":1}]`))
	wants(t, "null", err, typedmem.ErrBounds, "row 1: Qty is null")
	_, err = arrowio.Append(newRegion[[2]int64](t), recordsOf(t, schemaOf("a", arrow.ListOf(int64s)), `[{"a":[1,2]},{"a":[1]}]`))
	wants(t, "short list", err, typedmem.ErrBounds, "row 1: value is a list of 1, and the field of T has 2")
	_, err = arrowio.Append(newRegion[[2]int64](t), recordsOf(t, schemaOf("a", arrow.LargeListOf(int64s)), `[{"a":[1,2]},{"a":[3,null]}]`))
	wants(t, "null in a list", err, typedmem.ErrBounds, "row 1: [2] is null")
	_, err = arrowio.Append(newRegion[struct{ Name [3]byte }](t), recordsOf(t, schemaOf("Name", arrow.BinaryTypes.String), `[{"Name":"abc"},{"Name":"de"}]`))
	wants(t, "short text", err, typedmem.ErrBounds, "row 1: Name has 2 bytes, and the field of T has 3")
}

// After an error the batches before it are appended, and nothing of the batch with the error.
func TestAppendKeepsWhatCameBefore(t *testing.T) {
	schema := schemaOf("value", int64s)
	good, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(`[{"value":1},{"value":2}]`))
	check(t, err)
	bad, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(`[{"value":3},{"value":null}]`))
	check(t, err)
	records, err := array.NewRecordReader(schema, []arrow.RecordBatch{good, good, bad, good})
	check(t, err)
	r := newRegion[int64](t)
	n, err := arrowio.Append(r, records)
	wants(t, "null", err, typedmem.ErrBounds, "row 5: value is null")
	if n != 4 || r.Len() != 4 {
		t.Errorf("%d rows appended, the region has %d, want 4", n, r.Len())
	}
	frozen, err := region.New[int64](0)
	check(t, err)
	check(t, frozen.Mapping().MakeReadOnly())
	n, err = arrowio.Append(frozen, recordsOf(t, schema, `[{"value":1}]`))
	wants(t, "read-only", err, typedmem.ErrProtection)
	if n != 0 {
		t.Errorf("%d rows appended to a read-only region", n)
	}
	check(t, frozen.Close())
	n, err = arrowio.Append(frozen, recordsOf(t, schema, `[{"value":1}]`))
	wants(t, "closed", err, typedmem.ErrClosed)
	if n != 0 {
		t.Errorf("%d rows appended to a closed region", n)
	}
}

// Other types with the same bytes fill a field, and columns that T lacks are passed over.
func TestColumnsThatFit(t *testing.T) {
	type event struct {
		At   int64
		Day  int32
		Name [3]byte
		Last [2]int16
	}
	schema := schemaOf("Extra", float64s, "Last", arrow.ListOf(arrow.PrimitiveTypes.Int16), "Name", arrow.BinaryTypes.LargeString,
		"Day", arrow.PrimitiveTypes.Date32, "At", &arrow.TimestampType{Unit: arrow.Millisecond})
	rows := `[{"Extra":1,"Last":[1,2],"Name":"abc","Day":"1970-01-03","At":"1970-01-01T00:00:01Z"},
		{"Extra":null,"Last":[3,4],"Name":"def","Day":"1970-01-04","At":"1970-01-01T00:00:02Z"},
		{"Extra":2,"Last":[5,6],"Name":"ghi","Day":"1970-01-05","At":"1970-01-01T00:00:03Z"}]`
	whole := recordsOf(t, schema, rows)
	whole.Next()
	part := whole.RecordBatch().NewSlice(1, 3) // begins inside the buffers
	records, err := array.NewRecordReader(schema, []arrow.RecordBatch{part})
	check(t, err)
	part.Release()
	r := newRegion[event](t)
	if n, err := arrowio.Append(r, records); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	want := []event{{2000, 3, [3]byte([]byte("def")), [2]int16{3, 4}}, {3000, 4, [3]byte([]byte("ghi")), [2]int16{5, 6}}}
	if got := r.Slice(); !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A region with rows of a width takes batches of any length.
func TestAppendToRows(t *testing.T) {
	r, err := region.OpenFile[int32](t.TempDir()+"/rows", region.FileOptions{Write: true, Create: true, Width: 3})
	check(t, err)
	defer r.Close()
	from := newRegion[int32](t)
	check(t, from.Append(make([]int32, 6000)...))
	for i := range 6000 {
		from.Set(i, int32(i))
	}
	records, err := arrowio.NewReader(from.View(), 7)
	check(t, err)
	defer records.Release()
	if n, err := arrowio.Append(r, records); n != 6000 || err != nil {
		t.Fatal(n, err)
	}
	if !reflect.DeepEqual(r.Slice(), from.Slice()) {
		t.Error("the rows differ")
	}
	short, err := from.Sub(0, 4)
	check(t, err)
	rest, err := arrowio.NewReader(short, 0)
	check(t, err)
	defer rest.Release()
	n, err := arrowio.Append(r, rest)
	wants(t, "no whole row", err, typedmem.ErrBounds)
	if n != 0 || r.Len() != 6000 {
		t.Errorf("%d appended, %d are there", n, r.Len())
	}
}

func newRegion[T any](t testing.TB) *region.Region[T] {
	t.Helper()
	r, err := region.New[T](0)
	check(t, err)
	t.Cleanup(func() { check(t, r.Close()) })
	return r
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
