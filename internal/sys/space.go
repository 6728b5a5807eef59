package sys

import (
	"errors"
	"fmt"
	"strings"
)

// OutOfSpace reports whether the system refused because a file cannot get more space.
func OutOfSpace(err error) bool { return spaceAdvice(err) != "" }

func spaceAdvice(err error) string {
	for e, advice := range noSpace {
		if errors.Is(err, e) {
			return advice
		}
	}
	return ""
}

// SpaceError adds the file and what to do to an error of OutOfSpace. Other errors stay as they are.
func SpaceError(path string, err error) error {
	advice := spaceAdvice(err)
	if advice == "" || strings.Contains(err.Error(), advice) {
		return err
	}
	if strings.Contains(err.Error(), path) {
		return fmt.Errorf("%w: %s", err, advice)
	}
	return fmt.Errorf("%s: %w: %s", path, err, advice)
}
