package sys

import (
	"errors"
	"fmt"
	"os"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// Sources: mmap(2), madvise(2), fsync(2) of OpenBSD 7.6 and sys/uvm/uvm_mmap.c.

// mapNoReserve is 0: the system reserves no swap space.
const mapNoReserve = 0

// advices lacks NoCoreDump, which mapFlags handles, and TransparentHugePages.
var advices = paging

// mapFlags passes MAP_CONCEAL or MAP_STACK: mmap(2) refuses both together. A stack without
// MAP_STACK kills the program.
func mapFlags(r Request) (flag, fd int, err error) {
	flag = sharing(r)
	if stackFits(r) {
		flag |= unix.MAP_STACK
	} else if r.Flags.Has(flags.NoCoreDump) {
		flag |= unix.MAP_CONCEAL
	}
	if r.PageSize != 0 {
		return 0, 0, fmt.Errorf("pages of %v: %w", r.PageSize, errors.ErrUnsupported)
	}
	return flag, noFile, nil
}

func syncFile(f *os.File) error { return f.Sync() }
