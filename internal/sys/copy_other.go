//go:build !linux && !windows

package sys

import (
	"errors"
	"os"
)

// macOS clones whole files only, under a name of their own (clonefile(2)). Elsewhere files share no
// space.
func cloneRange(*os.File, *os.File, int64, int64) error { return errors.ErrUnsupported }

func copyRange(*os.File, *os.File, int64, int64) (int64, error) { return 0, errors.ErrUnsupported }
