package region

import (
	"fmt"
	"reflect"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/shell"
)

// FieldByName shows one field of every element as a column, as [Field] does, and finds the field by
// its path: "Price", "Bid.Price", "Levels[3].Qty", "[3]" where T is an array. The path may lead to
// a whole nested struct or array. It names fields as Go does: fields of an embedded struct can be
// named without it, unless another field hides them.
//
// Unexported fields of any package can be named, since Cast and Field show their memory too. What
// is inside numbers of package endian and of sync/atomic has no name.
//
// The call looks at types, and takes about a microsecond. Make the column once, before the loop.
//
//   - [typedmem.ErrType]: T has no such field, and the error says what there is; the field is not
//     of type F, and the error says which type it has; the field takes no bytes.
//   - [typedmem.ErrOperation]: the field has sync/atomic types, which a column would read in the
//     plain way. Use [Region.Ptr] and their methods.
func FieldByName[F, T any](v View[T], path string) (Strided[F], error) {
	want, in := reflect.TypeFor[F](), reflect.TypeFor[T]()
	field, offset, err := layout.Find(in, path)
	switch {
	case err != nil:
		err = noField{err}
	case field != want:
		err = noField{fmt.Errorf("%s of %v is %v, not %v", path, in, field, want)}
	case field.Size() == 0:
		err = noField{fmt.Errorf("%s of %v is %v, which takes no bytes", path, in, field)}
	case shell.LayoutOf[F]().Atomic:
		err = fmt.Errorf("%s of %v is %v: its methods need a pointer, use Ptr of the Region: %w", path, in, field, typedmem.ErrOperation)
	default:
		return column[F](v, offset), nil
	}
	return Strided[F]{}, shell.Fail("field by name", err)
}

// noField is an ErrType without its text: the type can live in the memory, but has no such field.
type noField struct{ error }

func (e noField) Is(target error) bool { return target == typedmem.ErrType }
