package arrowio

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
)

// Append appends the rows of all records that are left in a reader to r, and returns how many it
// appended. It does not release the reader.
//
// Each field of T takes the column of its name, and a T that is no struct the column named [Value],
// or the only one there is. Columns that T has no field for are not read. A column needs the type
// that [Schema] has for the field, with these exceptions:
//
//   - Lists of any kind fill an array, if each has as many elements as the array.
//   - Binary and strings fill a [n]byte, if each has n bytes.
//   - Times, dates and durations fill an integer of their size with the number that Arrow stores.
//     Its unit is in the schema of the reader.
//
// After an error the first n rows are appended, and none of those after them.
//
//   - [typedmem.ErrType]: T has no columns; see [Schema].
//   - [typedmem.ErrLayout]: columns that are missing or of another type, one a line. In SQL, name
//     and cast them: SELECT CAST(x AS DOUBLE) AS "Price".
//   - [typedmem.ErrBounds]: a null, or a list or binary of another length; the error has the row.
//     In SQL, write COALESCE.
//   - The errors of the reader, and of [region.Region.Append].
func Append[T any](r *region.Region[T], records array.RecordReader) (n int, err error) {
	const op = "append arrow records"
	made, err := tableOf(reflect.TypeFor[T]())
	if err != nil {
		return 0, fail(op, err)
	}
	columns, err := made.match(records.Schema())
	if err != nil {
		return 0, fail(op, err)
	}
	step := max(1, r.Width())
	block := make([]T, 0, max(1, blockBytes/(made.size*step))*step)
	read := 0 // rows
	for records.Next() {
		batch := records.RecordBatch()
		rows := int(batch.NumRows())
		values := taken{first: read, leaves: make([]packed, len(made.leaves))}
		err := values.takeAll(made, batch, columns)
		for row := 0; err == nil && row < rows; {
			m := min(rows-row, cap(block)-len(block))
			fresh := block[len(block) : len(block)+m]
			// SAFETY: fresh is m elements of made.size bytes, and T takes what the leaves write: it
			// has no pointers, and a bool gets 0 or 1.
			bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(fresh))), m*made.size)
			for i, l := range made.leaves {
				l.scatter(bytes, made.size, values.leaves[i].bytes, values.leaves[i].first+row*l.rows)
			}
			block = block[:len(block)+m]
			row += m
			if len(block) == cap(block) {
				n, block, err = put(r, n, block)
			}
		}
		values.release()
		if err != nil {
			n, _, more := put(r, n, block) // what was read before
			return n, fail(op, errors.Join(err, more))
		}
		read += rows
	}
	if n, _, err = put(r, n, block); err == nil {
		err = records.Err()
	}
	if err != nil {
		return n, fail(op, err)
	}
	return n, nil
}

// put appends a block, and returns the new count of rows and the empty block.
func put[T any](r *region.Region[T], n int, block []T) (int, []T, error) {
	if len(block) == 0 {
		return n, block, nil
	}
	if err := r.Append(block...); err != nil {
		return n, block[:0], err
	}
	return n + len(block), block[:0], nil
}

// packed is the buffer of a leaf, and where in it the values of a batch begin.
type packed struct {
	bytes []byte
	first int // value
}

// taken has the values of a batch, leaf by leaf.
type taken struct {
	first  int // row of the first value among all rows that were read
	leaves []packed
	held   []arrow.Array
}

func (v *taken) release() {
	for _, a := range v.held {
		a.Release()
	}
}

func (v *taken) takeAll(made *table, batch arrow.RecordBatch, columns []int) error {
	for i, c := range made.columns {
		if err := v.take(c, batch.Column(columns[i])); err != nil {
			return err
		}
	}
	return nil
}

// take finds the buffers of the leaves of a column.
func (v *taken) take(c *column, a arrow.Array) error {
	if a.NullN() > 0 {
		for i := range a.Len() {
			if a.IsNull(i) {
				return v.refuse(c, i, "is null, and a field of T always has a value")
			}
		}
	}
	switch a := a.(type) {
	case *array.Struct:
		at := a.DataType().(*arrow.StructType)
		for _, child := range c.children {
			i, _ := at.FieldIdx(child.name)
			if err := v.take(child, a.Field(i)); err != nil {
				return err
			}
		}
		return nil
	case array.ListLike:
		from := int64(0)
		for i := range a.Len() {
			start, end := a.ValueOffsets(i)
			if i == 0 {
				from = start
			}
			if end-start != int64(c.n) || start != from+int64(i)*int64(c.n) {
				return v.refuse(c, i, fmt.Sprintf("is a list of %d, and the field of T has %d", end-start, c.n))
			}
		}
		values := array.NewSlice(a.ListValues(), from, from+int64(a.Len())*int64(c.n))
		v.held = append(v.held, values)
		return v.take(c.children[0], values)
	case array.BinaryLike:
		want := c.typ.(*arrow.FixedSizeBinaryType).ByteWidth
		for i := range a.Len() {
			if n := a.ValueLen(i); n != want {
				return v.refuse(c, i, fmt.Sprintf("has %d bytes, and the field of T has %d", n, want))
			}
		}
		v.leaves[c.leaf] = packed{a.ValueBytes(), 0}
		return nil
	}
	data := a.Data()
	if b := data.Buffers()[1]; b != nil {
		v.leaves[c.leaf] = packed{b.Bytes(), data.Offset()}
	}
	return nil
}

// refuse says that value i of a column cannot be taken.
func (v *taken) refuse(c *column, i int, why string) error {
	return fmt.Errorf("row %d: %s %s: %w", v.first+i/c.rows, c.title(), why, typedmem.ErrBounds)
}
