//go:build !linux

package sys

import (
	"os"

	"github.com/typedmem/typedmem/flags"
)

// FilePageSize returns the page size that f requires of its mappings. known is false if the system
// does not tell.
func FilePageSize(*os.File) (p flags.PageSize, known bool, err error) { return 0, false, nil }
