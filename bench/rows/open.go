package rows

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dgraph-io/ristretto/v2/z"
	"github.com/edsrzf/mmap-go"
	"github.com/itsmontoya/mappedslice"
	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

const bareOpen = "open, mmap, munmap, close"

// openBare is the least that opens a file, reads one value through a mapping and lets both go.
func openBare(path string, size int) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	p, err := unix.MmapPtr(fd, 0, nil, uintptr(size), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	sink += *(*uint64)(p)
	return errors.Join(unix.MunmapPtr(p, uintptr(size)), unix.Close(fd))
}

// sparse makes files of the given size that hold nothing: our own, and a raw one that mappedslice
// can read too.
func sparse(e *harness.Env, size int) (own, raw string, err error) {
	own, raw = filepath.Join(e.Disk, "own"), filepath.Join(e.Disk, "raw")
	if _, err := os.Stat(raw); err == nil {
		return own, raw, nil
	}
	// The elements are made by growing the file, which sets space aside; a hole is punched into
	// them so that no disk is needed.
	r, err := region.Create[uint64](own, size/8)
	if err != nil {
		return "", "", err
	}
	if err := r.Close(); err != nil {
		return "", "", err
	}
	f, err := os.OpenFile(own, os.O_RDWR, 0)
	if err != nil {
		return "", "", err
	}
	const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	if err := errors.Join(unix.Fallocate(int(f.Fd()), mode, 64<<10, int64(size)), f.Close()); err != nil {
		return "", "", err
	}
	s, err := mappedslice.New[uint64](raw, int64(size/8-2))
	if err != nil {
		return "", "", err
	}
	return own, raw, errors.Join(s.Append(1), s.Close())
}

func openCases(full, quick int, withCopy bool) []harness.Case {
	one := func(name, lib, note string, once bool, do func(own, raw string, size int) error) harness.Case {
		return harness.Case{Name: name, Lib: lib, Note: note, Setup: func(e *harness.Env) (harness.Bench, error) {
			size := e.Size(full, quick)
			own, raw, err := sparse(e, size)
			return harness.Bench{Ops: 1, Once: once, Run: repeat(func(int) error { return do(own, raw, size) })}, err
		}}
	}
	cases := []harness.Case{
		one(bareOpen, "", "", false, func(_, raw string, size int) error { return openBare(raw, size) }),
		one("region.Open", harness.Ours, "", false, func(own, _ string, _ int) error {
			r, err := region.Open[uint64](own)
			if err != nil {
				return err
			}
			sink += r.At(0)
			return r.Close()
		}),
		one("region.OpenMut", harness.Ours, "", false, func(own, _ string, _ int) error {
			r, err := region.OpenMut[uint64](own)
			if err != nil {
				return err
			}
			sink += r.At(0)
			return r.Close()
		}),
		one("region.Map of a raw file", harness.Ours, "", false, func(_, raw string, size int) error {
			f, err := os.Open(raw)
			if err != nil {
				return err
			}
			r, err := region.Map[uint64](options.New(size).WithFile(f, 0).WithFlags(flags.Shared))
			if err != nil {
				return errors.Join(err, f.Close())
			}
			sink += r.At(0)
			return errors.Join(r.Close(), f.Close())
		}),
		one("mmap-go", "mmap-go", "says nothing about what the file holds", false, func(_, raw string, _ int) error {
			f, err := os.Open(raw)
			if err != nil {
				return err
			}
			m, err := mmap.Map(f, mmap.RDONLY, 0)
			if err != nil {
				return errors.Join(err, f.Close())
			}
			sink += view[uint64](m)[0]
			return errors.Join(m.Unmap(), f.Close())
		}),
		one("mappedslice", "mappedslice", "says nothing about what the file holds", false, func(_, raw string, _ int) error {
			s, err := mappedslice.New[uint64](raw, 1)
			if err != nil {
				return err
			}
			x, _ := s.Get(0)
			sink += x
			return s.Close()
		}),
		one("ristretto z.OpenMmapFile", "ristretto z", "says nothing about what the file holds", false, func(_, raw string, _ int) error {
			m, err := z.OpenMmapFile(raw, os.O_RDONLY, 0)
			if err != nil {
				return err
			}
			sink += view[uint64](m.Data)[0]
			return errors.Join(z.Munmap(m.Data), m.Fd.Close())
		}),
	}
	if withCopy {
		cases = append(cases, one("os.ReadFile and copy", "Go", "", true, func(_, raw string, size int) error {
			b, err := os.ReadFile(raw)
			if err != nil {
				return err
			}
			s := make([]uint64, len(b)/8)
			copy(s, view[uint64](b))
			sink += s[0]
			return nil
		}))
		cases[len(cases)-1].Most = 3
	}
	return cases
}

func openRows() []harness.Row {
	rows := []harness.Row{{Name: "open a 4 GiB file, read one value, close", Unit: "open", Floor: bareOpen, Cases: openCases(4<<30, 64<<20, true)}}
	for _, size := range scales {
		rows = append(rows, harness.Row{Name: fmt.Sprintf("scaling: open a file of %s", mib(size)), Unit: "open", Floor: bareOpen,
			Plot: "open", X: float64(size), XOf: "bytes of the file", Cases: openCases(size, min(size, 64<<20), false)})
	}
	return rows
}
