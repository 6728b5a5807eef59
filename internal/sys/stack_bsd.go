//go:build freebsd || netbsd || openbsd || dragonfly

package sys

import "github.com/typedmem/typedmem/flags"

// stackFits reports whether mmap(2) takes MAP_STACK with the rest of the request. It does so for
// private, readable and writable memory only.
func stackFits(r Request) bool {
	return r.Flags.Has(flags.Stack) && !r.Flags.Has(flags.Shared) && r.File == nil && r.Prot.Has(flags.Read|flags.Write)
}
