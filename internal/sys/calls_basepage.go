//go:build netbsd || openbsd || dragonfly

package sys

import (
	"errors"
	"fmt"
	"os"

	"github.com/typedmem/typedmem/flags"
)

// Systems with pages of one size, whose calls neither set disk space aside nor punch holes. Nothing
// identifies the boot: kern.boottime moves when the clock is set.

// mapFlags passes MAP_STACK or MAP_CONCEAL: mmap(2) of OpenBSD refuses both together. There a stack
// without MAP_STACK kills the program.
func mapFlags(r Request) (flag, fd int, err error) {
	if r.PageSize != 0 {
		return 0, 0, fmt.Errorf("pages of %v: %w", r.PageSize, errors.ErrUnsupported)
	}
	stack := stackFlag(r)
	if stack == 0 && r.Flags.Has(flags.NoCoreDump) {
		stack = mapConceal
	}
	return sharing(r) | stack, NoFile, nil
}

func pageSizes() (flags.PageSizes, error) {
	base, _ := flags.PageSizeOf(int64(os.Getpagesize()))
	return flags.Sizes(base), nil
}

func hugePageSize() (flags.PageSize, error) {
	return 0, fmt.Errorf("the system has no huge pages for programs: %w", errors.ErrUnsupported)
}

// allocate: posix_fallocate(2) is missing, or the native file systems refuse it.
func allocate(*os.File, int64, int64) error { return errors.ErrUnsupported }

func zero(f *os.File, off, n int64) error { return writeZeros(f, off, n) }

func bootID() (id [16]byte, ok bool) { return id, false }
