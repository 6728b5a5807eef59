package container

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/typedmem/typedmem"
)

// OpenOrCreate opens the file at path, or creates it if there is none. open returns an error that
// wraps fs.ErrNotExist, and create one that wraps fs.ErrExist, if another process was faster: then
// the other one is tried again.
func OpenOrCreate[C any](path string, open, create func() (C, error)) (C, error) {
	for start := time.Now(); ; {
		c, err := open()
		if err == nil { // a Create that was killed when another process had made the file has left its own
			removeLeftovers(path)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return c, err
		}
		if c, err = create(); !errors.Is(err, fs.ErrExist) {
			return c, err
		}
		if link, e := os.Readlink(path); e == nil {
			if _, e := os.Stat(path); errors.Is(e, fs.ErrNotExist) {
				return c, fmt.Errorf("it is a symbolic link to %s, which is not there; remove the link, or create that file: %w", link, fs.ErrNotExist)
			}
		}
		if time.Since(start) > patience {
			return c, fmt.Errorf("others have been creating and removing it for %v: %w", patience, typedmem.ErrBusy)
		}
	}
}
