package sys

import (
	"errors"
	"os"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// Sources: mmap(2), madvise(2), fsync(2) of DragonFly 6.4.

const (
	mapNoReserve = 0 // the system accepts MAP_NORESERVE and ignores it
	mapConceal   = 0 // NoCoreDump is an advice
)

var advices = append([]advice{{flag: flags.NoCoreDump, advice: unix.MADV_NOCORE}}, paging...)

func syncFile(f *os.File) error { return f.Sync() }

// areas: kern.proc has no list of a process's areas here, and procfs is not mounted by default.
func areas(int, uintptr, uintptr, func(Area) bool) error { return errors.ErrUnsupported }
