package sys

import "errors"

// ErrNoSpace stands for the system's error for a full disk.
var ErrNoSpace = errors.New("file system full")

var noSpace = map[error]string{}

// LosesPages reports whether err, of a flush, says that changed pages count as written although
// they are not. This system does not say so: a flush is tried again.
func LosesPages(error) bool { return false }

// BadAddress reports whether a call was given memory that it could not read.
func BadAddress(error) bool { return false }
