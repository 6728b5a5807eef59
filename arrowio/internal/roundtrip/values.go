package roundtrip

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/typedmem/typedmem/arrowio"
	"github.com/typedmem/typedmem/region"
)

// fill sets what has a name in x to random values.
func fill(x reflect.Value, r *rand.Rand) {
	if set := x.Addr().MethodByName("Set"); set.IsValid() { // of package endian, and Bool8
		arg := reflect.New(set.Type().In(0)).Elem()
		fill(arg, r)
		set.Call([]reflect.Value{arg})
		return
	}
	switch k := x.Kind(); {
	case k == reflect.Bool:
		x.SetBool(r.IntN(2) == 0)
	case k == reflect.Float32:
		if f := math.Float32frombits(r.Uint32()); f == f { // the bits of a NaN need not come back
			x.SetFloat(float64(f))
		}
	case k == reflect.Float64:
		if f := math.Float64frombits(r.Uint64()); f == f {
			x.SetFloat(f)
		}
	case k == reflect.Complex64:
		x.SetComplex(complex(r.NormFloat64(), float64(r.Float32())))
	case k == reflect.Complex128:
		x.SetComplex(complex(r.NormFloat64(), r.NormFloat64()))
	case x.CanInt():
		x.SetInt(int64(r.Uint64()))
	case x.CanUint():
		x.SetUint(r.Uint64())
	case k == reflect.Array:
		for i := range x.Len() {
			fill(x.Index(i), r)
		}
	case k == reflect.Struct:
		for i := range x.NumField() {
			if x.Type().Field(i).Name != "_" {
				fill(x.Field(i), r)
			}
		}
	}
}

// GoValue returns a value as plain Go: numbers as text that has all their bits, lists and structs
// as slices.
func GoValue(x reflect.Value) any {
	if get := x.MethodByName("Get"); get.IsValid() {
		x = get.Call(nil)[0]
	}
	if get := x.MethodByName("Uint64"); get.IsValid() { // a slab.Handle
		x = get.Call(nil)[0]
	}
	switch k := x.Kind(); {
	case k == reflect.Bool:
		return x.Bool()
	case k == reflect.Float32:
		return bits32(float32(x.Float()))
	case k == reflect.Float64:
		return bits64(x.Float())
	case k == reflect.Complex64:
		return []any{bits32(real(complex64(x.Complex()))), bits32(imag(complex64(x.Complex())))}
	case k == reflect.Complex128:
		return []any{bits64(real(x.Complex())), bits64(imag(x.Complex()))}
	case x.CanInt():
		return fmt.Sprint(x.Int())
	case x.CanUint():
		return fmt.Sprint(x.Uint())
	case k == reflect.Array && x.Type().Elem().Kind() == reflect.Uint8 && x.Type().Elem() != reflect.TypeFor[region.Bool8]():
		var b []byte
		for i := range x.Len() {
			b = append(b, byte(x.Index(i).Uint()))
		}
		return fmt.Sprintf("%x", b)
	}
	values := []any{}
	switch x.Kind() {
	case reflect.Array:
		for i := range x.Len() {
			values = append(values, GoValue(x.Index(i)))
		}
	case reflect.Struct:
		for i := range x.NumField() {
			if f := x.Type().Field(i); f.Name != "_" && f.Type.Size() > 0 {
				values = append(values, []any{f.Name, GoValue(x.Field(i))})
			}
		}
	}
	return values
}

func bits32(x float32) string { return fmt.Sprintf("%08x", math.Float32bits(x)) }
func bits64(x float64) string { return fmt.Sprintf("%016x", math.Float64bits(x)) }

// arrowValue returns value i of an array in the same form.
func arrowValue(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	values := []any{}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Float32:
		return bits32(a.Value(i))
	case *array.Float64:
		return bits64(a.Value(i))
	case *array.FixedSizeBinary:
		return fmt.Sprintf("%x", a.Value(i))
	case *array.Struct:
		for j, f := range a.DataType().(*arrow.StructType).Fields() {
			values = append(values, []any{f.Name, arrowValue(a.Field(j), i)})
		}
		return values
	case array.ListLike:
		for j, end := a.ValueOffsets(i); j < end; j++ {
			values = append(values, arrowValue(a.ListValues(), int(j)))
		}
		return values
	}
	return a.ValueStr(i)
}

// RowOf returns row i of a batch, as GoValue does an element of type t.
func RowOf(t reflect.Type, batch arrow.RecordBatch, i int) any {
	if t.Kind() != reflect.Struct || batch.ColumnName(0) == arrowio.Value {
		return arrowValue(batch.Column(0), i)
	}
	values := []any{}
	for j, a := range batch.Columns() {
		values = append(values, []any{batch.ColumnName(j), arrowValue(a, i)})
	}
	return values
}
