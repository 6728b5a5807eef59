package arrowio

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/typedmem/typedmem"
)

// match returns which column of a schema each column of the table takes. The error lists all that
// differs.
func (made *table) match(schema *arrow.Schema) (columns []int, err error) {
	var wrong strings.Builder
	for _, c := range made.columns {
		found := schema.FieldIndices(c.name)
		if c.path == "" && len(found) == 0 && schema.NumFields() == 1 {
			found = []int{0}
		}
		switch len(found) {
		case 0:
			fmt.Fprintf(&wrong, "\n\t%s: the records have no such column, the type has %v", c.name, c.typ)
		case 1:
			c.compare(schema.Field(found[0]).Type, &wrong)
		default:
			fmt.Fprintf(&wrong, "\n\t%s: the records have %d columns of that name", c.name, len(found))
		}
		columns = append(columns, append(found, -1)[0])
	}
	if wrong.Len() > 0 {
		return nil, fmt.Errorf("records do not fit %v: %w%s", made.of, errColumns, wrong.String())
	}
	return columns, nil
}

// errColumns is an ErrLayout with a text about records.
var errColumns error = columnsDiffer{}

type columnsDiffer struct{}

func (columnsDiffer) Error() string { return "columns differ" }

func (columnsDiffer) Is(target error) bool { return target == typedmem.ErrLayout }

// title names the column in an error.
func (c *column) title() string {
	if c.path == "" {
		return c.name
	}
	return c.path
}

// compare writes a line for each part of a type that the column does not take.
func (c *column) compare(t arrow.DataType, wrong *strings.Builder) {
	fits := false
	switch {
	case c.n > 0:
		list, ok := t.(arrow.ListLikeType)
		if fixed, isFixed := t.(*arrow.FixedSizeListType); isFixed {
			ok = int(fixed.Len()) == c.n
		}
		switch t.ID() {
		case arrow.LIST, arrow.LARGE_LIST, arrow.FIXED_SIZE_LIST:
			fits = ok
		}
		if fits {
			c.children[0].compare(list.Elem(), wrong)
		}
	case c.children != nil:
		var fields *arrow.StructType
		if fields, fits = t.(*arrow.StructType); fits {
			c.compareFields(fields, wrong)
		}
	default:
		fits = c.takes(t)
	}
	if !fits {
		fmt.Fprintf(wrong, "\n\t%s: the records have %v, the type has %v", c.title(), t, c.typ)
	}
}

func (c *column) compareFields(t *arrow.StructType, wrong *strings.Builder) {
	for _, child := range c.children {
		if i, ok := t.FieldIdx(child.name); ok {
			child.compare(t.Field(i).Type, wrong)
		} else {
			fmt.Fprintf(wrong, "\n\t%s: the records have no such column, the type has %v", child.title(), child.typ)
		}
	}
}

// takes reports whether a scalar column takes values of a type.
func (c *column) takes(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.TIMESTAMP, arrow.DURATION, arrow.TIME64, arrow.DATE64:
		return c.typ.ID() == arrow.INT64
	case arrow.TIME32, arrow.DATE32:
		return c.typ.ID() == arrow.INT32
	case arrow.BINARY, arrow.LARGE_BINARY, arrow.STRING, arrow.LARGE_STRING:
		return c.typ.ID() == arrow.FIXED_SIZE_BINARY
	}
	return arrow.TypeEqual(c.typ, t)
}
