package printing

import "strings"

// NamedError is an error about a file. Its text begins with the file's name.
type NamedError struct {
	File string
	Err  error
}

func (e *NamedError) Error() string { return e.File + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *NamedError) Unwrap() error { return e.Err }

// Named puts the file's name in front of the error, unless its text has the name already.
func Named(file string, err error) error {
	if err == nil || file == "" || strings.Contains(err.Error(), file) {
		return err
	}
	return &NamedError{file, err}
}
