package sys

import (
	"errors"

	"golang.org/x/sys/windows"
)

// ErrNoSpace is the system's error for a full disk.
const ErrNoSpace = windows.ERROR_DISK_FULL

// noSpace maps the errors of a file that cannot become longer to what to do about each.
var noSpace = map[error]string{
	windows.ERROR_DISK_FULL:        "the disk is full; free some space and try again",
	windows.ERROR_HANDLE_DISK_FULL: "the disk is full; free some space and try again",
	windows.ERROR_FILE_TOO_LARGE:   "the file may not become longer on this file system",
}

// LosesPages reports whether err, of a flush, says that changed pages count as written although
// they are not. This system does not say so: a flush is tried again.
func LosesPages(error) bool { return false }

// BadAddress reports whether a call was given memory that it could not read.
func BadAddress(err error) bool { return errors.Is(err, windows.ERROR_NOACCESS) }
