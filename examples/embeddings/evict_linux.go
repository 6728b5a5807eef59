package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem/flags"
)

// evict takes the vectors out of memory: out of the mapping, then out of the page cache. Nothing is
// lost, the file has them.
func evict(v vectors) (err error) {
	m := v.file.Mapping()
	if err := m.Advise(0, m.Len(), flags.DontNeed); err != nil {
		return err
	}
	f, err := os.Open(v.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}
