// Package printing holds what every type that prints itself needs: a text for each verb of fmt.
package printing

import "fmt"

// Text writes text for a verb, as the Format method of a type does. %v and %s, with any flag, give
// the text, other verbs what fmt makes of a string. fmt never gets to see the fields: it would read
// them without a lock, and follow a slice into memory that is not there.
func Text(s fmt.State, verb rune, text string) {
	if verb == 'v' {
		verb = 's'
	}
	_, _ = fmt.Fprintf(s, fmt.FormatString(s, verb), text) // fmt.State reports no error that fmt would see
}
