package sys

import (
	"errors"
	"fmt"
	"os"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// Sources: mmap(2), madvise(2), fsync(2) of DragonFly 6.4.

// mapNoReserve is 0: the system accepts MAP_NORESERVE and ignores it.
const mapNoReserve = 0

var advices = append([]advice{{flag: flags.NoCoreDump, advice: unix.MADV_NOCORE}}, paging...)

func mapFlags(r Request) (flag, fd int, err error) {
	flag = sharing(r)
	if stackFits(r) {
		flag |= unix.MAP_STACK
	}
	if r.PageSize != 0 {
		return 0, 0, fmt.Errorf("pages of %v: %w", r.PageSize, errors.ErrUnsupported)
	}
	return flag, noFile, nil
}

func syncFile(f *os.File) error { return f.Sync() }

// areas: kern.proc has no list of a process's areas here, and procfs is not mounted by default.
func areas(int, uintptr, uintptr, func(Area) bool) error { return errors.ErrUnsupported }
