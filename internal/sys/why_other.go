//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package sys

import (
	"errors"
	"os"
)

func factsOf(*os.File) (FileFacts, error) { return FileFacts{}, errors.ErrUnsupported }
func lockLimit() (uint64, error)          { return 0, errors.ErrUnsupported }
func cannotMap(error) bool                { return false }
func cannotDrop(error) bool               { return false }
