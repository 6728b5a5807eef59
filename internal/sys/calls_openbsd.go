package sys

import (
	"os"

	"golang.org/x/sys/unix"
)

// Sources: mmap(2), madvise(2), fsync(2) of OpenBSD 7.6 and sys/uvm/uvm_mmap.c.

const (
	mapNoReserve = 0 // the system reserves no swap space
	mapConceal   = unix.MAP_CONCEAL
)

// advices lacks NoCoreDump, for which there is MAP_CONCEAL, and TransparentHugePages.
var advices = paging

func syncFile(f *os.File) error { return f.Sync() }
