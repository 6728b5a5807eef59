package typedmem_test

import "golang.org/x/sys/windows"

// outOfAddresses is what the system answers when it has none left.
var outOfAddresses error = windows.ERROR_NOT_ENOUGH_MEMORY
