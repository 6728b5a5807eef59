package typedmem

import (
	"fmt"

	"github.com/typedmem/typedmem/internal/sys"
)

// mostLeftToRest is twice what the Go runtime reserves at once for its heap.
const mostLeftToRest = 128 << 20

// admitAddresses returns an error where n more bytes of addresses would bring the process to what
// RLIMIT_AS allows. There the Go runtime cannot map either, and ends the process. So the last
// mostLeftToRest bytes are left to it. Where the rest of the program leaves less than twice that
// under the limit, it gets half.
func admitAddresses(n int) error {
	limit, used, limited := sys.AddressLimit()
	if !limited {
		return nil
	}
	others := used - min(used, reservedBytes())
	rest := min(mostLeftToRest, (limit-min(limit, others))/2)
	left := limit - min(limit, used)
	if left >= rest && uint64(n) <= left-rest {
		return nil
	}
	return fmt.Errorf("of the %d bytes of addresses that RLIMIT_AS (ulimit -v) allows %d are left, and the last %d are left to the Go runtime: "+
		"close mappings, reserve less with WithCapacity, or raise the limit: %w", limit, left, rest, errNoAddresses)
}

// errNoAddresses is wrapped by the error of admitAddresses, and wraps the system's own.
var errNoAddresses = fmt.Errorf("%w", sys.ErrNoRoom)
