//go:build unix

package typedmem_test

import "syscall"

// outOfAddresses is the error of the system when it has none left.
var outOfAddresses error = syscall.ENOMEM
