// Package printing helps types to print themselves and errors to name their file.
package printing

import (
	"fmt"
	"reflect"
	"strings"
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

// NamedError is an error about a file. Its text begins with the file's name.
type NamedError struct {
	File string
	Err  error
}

func (e *NamedError) Error() string { return e.File + ": " + e.Err.Error() }

func (e *NamedError) Unwrap() error { return e.Err }

// Named puts the file's name in front of the error, unless its text has the name already.
func Named(file string, err error) error {
	if err == nil || file == "" || strings.Contains(err.Error(), file) {
		return err
	}
	return &NamedError{file, err}
}
