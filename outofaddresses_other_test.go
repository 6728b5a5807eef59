//go:build !unix && !windows

package typedmem_test

import "errors"

// outOfAddresses is the error of the system when it has none left.
var outOfAddresses = errors.ErrUnsupported
