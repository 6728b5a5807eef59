//go:build linux

package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// dataName is the file that a row reads: numbers of 8 bytes, each of which follows from its index.
const dataName = "data"

// page is the size that the rows reckon with; a larger one of the system's does no harm.
const page = 4096

func value(i int) uint64 { return (uint64(i) + 1) * 0x9e3779b97f4a7c15 }

// writeData makes the file with n numbers.
func writeData(dir string, n int) (err error) {
	f, err := os.Create(filepath.Join(dir, dataName))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	var b [8]byte
	for i := range n {
		binary.NativeEndian.PutUint64(b[:], value(i))
		if _, err := w.Write(b[:]); err != nil {
			return err
		}
	}
	return errors.Join(w.Flush(), f.Sync())
}

// evict takes a file out of the page cache, as /proc/sys/vm/drop_caches does with all files, and
// makes sure of it. No process may have touched the file through a mapping that it still has.
func evict(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)); err != nil {
		return err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Munmap(b)) }()
	in := make([]byte, (len(b)+os.Getpagesize()-1)/os.Getpagesize())
	if err := mincore(b, in); err != nil {
		return err
	}
	left := 0
	for _, x := range in {
		left += int(x & 1)
	}
	if left > len(in)/1000 {
		return fmt.Errorf("%d of %d pages of %s stay in memory", left, len(in), path)
	}
	return nil
}

// apart returns the indexes of n numbers, each in another page of the first size bytes of the
// file, in no order.
func apart(seed uint64, n, size int) []int {
	r := rand.New(rand.NewPCG(seed, 1))
	pages := r.Perm(size / page)[:n]
	for k, p := range pages {
		pages[k] = p*page/8 + r.IntN(page/8)
	}
	return pages
}

// anywhere returns n indexes of numbers in the first size bytes of the file.
func anywhere(seed uint64, n, size int) []int {
	r := rand.New(rand.NewPCG(seed, 2))
	all := make([]int, n)
	for k := range all {
		all[k] = r.IntN(size / 8)
	}
	return all
}

// opened is a file of a row and ways to read it. close gives all of them back.
type opened[T any] struct {
	file  *os.File
	view  region.View[T]
	close func() error
}

// open opens the file, and maps n elements of it.
func open[T any](dir string, n int, how flags.Map) (o opened[T], err error) {
	if o.file, err = os.Open(filepath.Join(dir, dataName)); err != nil {
		return o, err
	}
	r, err := region.Map[T](options.For[T](n).WithFile(o.file, 0).WithFlags(how))
	if err != nil {
		return o, errors.Join(err, o.file.Close())
	}
	o.view = r.View()
	o.close = func() error { return errors.Join(r.Close(), o.file.Close()) }
	return o, nil
}

// pread reads number i.
func pread(f *os.File, i int) (uint64, error) {
	var b [8]byte
	_, err := f.ReadAt(b[:], 8*int64(i))
	return binary.NativeEndian.Uint64(b[:]), err
}
