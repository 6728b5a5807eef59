package printing

import (
	"fmt"
	"strings"
)

// Named puts the name of the file that an error is about in front of it, unless it is there
// already.
func Named(file string, err error) error {
	if err == nil || file == "" || strings.Contains(err.Error(), file) {
		return err
	}
	return fmt.Errorf("%s: %w", file, err)
}
