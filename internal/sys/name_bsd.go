//go:build freebsd || netbsd || openbsd || dragonfly

package sys

import "golang.org/x/sys/unix"

// renameNew: none of these systems has a rename that replaces nothing.
func renameNew(string, string) error { return unix.ENOSYS }
