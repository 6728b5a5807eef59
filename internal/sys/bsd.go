//go:build freebsd || netbsd || openbsd || dragonfly

package sys

import (
	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// What the BSDs have in common, and macOS does not.

// mapJIT is 0: no flag is needed for memory that is writable and executable at once.
const mapJIT = 0

// stackFlag returns MAP_STACK if that is asked for and mmap(2) takes it with the rest of the
// request, which it does for private, readable and writable memory only.
func stackFlag(r Request) int {
	if r.Flags.Has(flags.Stack) && !r.Flags.Has(flags.Shared) && r.File == nil && r.Prot.Has(flags.Read|flags.Write) {
		return unix.MAP_STACK
	}
	return 0
}

// renameNew: none of these systems has a rename that replaces nothing.
func renameNew(string, string) error { return unix.ENOSYS }
