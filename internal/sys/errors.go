package sys

import "errors"

// ErrLocked is returned by LockFile when another open file has the lock.
var ErrLocked = errors.New("the file is locked by another writer")

// ErrNoPage is wrapped by the error of Prefault when a page cannot be brought in: the file ends
// before it, or cannot be read.
var ErrNoPage = errors.New("a page cannot be brought in")

// ErrReplaced is wrapped by the error of a Map with flags.Fixed that failed after it had replaced
// what was mapped. Nothing is mapped there now.
var ErrReplaced = errors.New("what was mapped at the fixed address is gone")

// ErrFreed is wrapped by the error of a Hold that released the memory and lost the addresses: they
// are free.
var ErrFreed = errors.New("the addresses were released too")
