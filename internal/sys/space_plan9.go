package sys

import "errors"

// ErrNoSpace stands for the system's error for a full disk.
var ErrNoSpace = errors.New("file system full")

var noSpace = map[error]string{}

// BadAddress reports whether a call was given memory that it could not read.
func BadAddress(error) bool { return false }
