//go:build !unix && !windows

package typedmem_test

import "errors"

// outOfAddresses is what the system answers when it has none left.
var outOfAddresses = errors.ErrUnsupported
