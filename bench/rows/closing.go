package rows

import (
	"fmt"
	"os"

	"github.com/edsrzf/mmap-go"
	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/options"
)

// touchPages writes a byte to each page.
//
//go:noinline
func touchPages(b []byte) {
	for i := 0; i < len(b); i += os.Getpagesize() {
		b[i] = 1
	}
}

func closeRow(name string, full, quick int) harness.Row {
	one := func(name, lib string, do func(size int) error) harness.Case {
		return harness.Case{Name: name, Lib: lib, Setup: func(e *harness.Env) (harness.Bench, error) {
			size := e.Size(full, quick)
			return harness.Bench{Ops: 1, Run: repeat(func(int) error { return do(size) })}, nil
		}}
	}
	return harness.Row{Name: name, Unit: "mapping", Floor: "mmap, touch, munmap", Cases: []harness.Case{
		one("mmap, touch, munmap", "", func(size int) error {
			p, err := unix.MmapPtr(-1, 0, nil, uintptr(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
			if err != nil {
				return err
			}
			touchPages(bytesOf(p, size))
			return unix.MunmapPtr(p, uintptr(size))
		}),
		one("Mapping", harness.Ours, func(size int) error {
			m, err := options.New(size).MapMut()
			if err != nil {
				return err
			}
			touchPages(m.Bytes())
			return m.Close()
		}),
		one("mmap-go", "mmap-go", func(size int) error {
			m, err := mmap.MapRegion(nil, size, mmap.RDWR, mmap.ANON, 0)
			if err != nil {
				return err
			}
			touchPages(m)
			return m.Unmap()
		}),
	}}
}

func closeRows() []harness.Row {
	var rows []harness.Row
	for _, s := range []struct {
		name string
		size int
	}{{"64 KiB", 64 << 10}, {"2 MiB", 2 << 20}, {"256 MiB", 256 << 20}} {
		rows = append(rows, closeRow("map, touch and close "+s.name, s.size, min(s.size, 64<<20)))
	}
	for _, size := range scales {
		r := closeRow(fmt.Sprintf("scaling: map, touch and close %s", mib(size)), size, min(size, 64<<20))
		r.Plot, r.X, r.XOf = "close", float64(size), "bytes of memory"
		rows = append(rows, r)
	}
	return rows
}
