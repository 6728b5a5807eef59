package arrowio

import (
	"reflect"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/typedmem/typedmem"
)

// Value is the name of the column of a T that is no struct.
const Value = "value"

// Schema returns the columns of elements of type T; the package comment says what becomes what. A T
// without a column, or with a part that has none, is [typedmem.ErrType].
func Schema[T any]() (*arrow.Schema, error) { return SchemaOf(reflect.TypeFor[T]()) }

// SchemaOf is [Schema] for a type that is known at run time only, such as one made by
// [reflect.StructOf] from the field list of a file.
func SchemaOf(t reflect.Type) (*arrow.Schema, error) {
	table, err := tableOf(t)
	if err != nil {
		return nil, fail("arrow schema", err)
	}
	return table.schema, nil
}

func fail(op string, err error) error { return &typedmem.Error{Op: op, Err: err} }
