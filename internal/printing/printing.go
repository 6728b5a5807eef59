// Package printing helps types to print themselves and errors to name their file.
package printing

import (
	"fmt"
	"reflect"
)

// Text writes text for a verb; Format methods call it. %v and %s write the text, other verbs what
// fmt makes of a string. So fmt never reads the fields itself, without a lock and through slices of
// memory that may be gone.
func Text(s fmt.State, verb rune, text string) {
	if verb == 'v' {
		verb = 's'
	}
	_, _ = fmt.Fprintf(s, fmt.FormatString(s, verb), text) // fmt ignores the error
}

// Name returns the name of a generic type for T, as in Name[T]("slab.Slab"). It leaves out the path
// of T's package.
func Name[T any](generic string) string {
	return fmt.Sprintf("%s[%v]", generic, reflect.TypeFor[T]())
}
