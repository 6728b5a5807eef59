//go:build unix

package typedmem_test

import "syscall"

// outOfAddresses is what the system answers when it has none left.
var outOfAddresses error = syscall.ENOMEM
