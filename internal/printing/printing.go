// Package printing holds what types that print themselves and errors that name a file have in
// common.
package printing

import (
	"fmt"
	"reflect"
)

// Text writes text for a verb, as the Format method of a type does. %v and %s, with any flag, write
// the text; other verbs write what fmt makes of a string. fmt itself never reads the fields: it
// would read them without a lock, and follow a slice into memory that is no longer there.
func Text(s fmt.State, verb rune, text string) {
	if verb == 'v' {
		verb = 's'
	}
	_, _ = fmt.Fprintf(s, fmt.FormatString(s, verb), text) // fmt.State reports no error that fmt would see
}

// Name returns the name of a generic type for T, without the path of the package of T, as in
// Name[T]("slab.Slab").
func Name[T any](generic string) string {
	return fmt.Sprintf("%s[%v]", generic, reflect.TypeFor[T]())
}
