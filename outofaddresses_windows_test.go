package typedmem_test

import "golang.org/x/sys/windows"

// outOfAddresses is the error of the system when it has none left.
var outOfAddresses error = windows.ERROR_NOT_ENOUGH_MEMORY
