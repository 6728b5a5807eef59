package rows

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/bench/harness"
)

// manyMappings makes n areas of one page each that the kernel cannot join: every second one cannot
// be read.
func manyMappings(n int) (at uintptr, end func() error, err error) {
	page := os.Getpagesize()
	size := n * page
	p, err := unix.MmapPtr(-1, 0, nil, uintptr(size), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return 0, nil, err
	}
	end = func() error { return unix.MunmapPtr(p, uintptr(size)) }
	for i := 0; i < n; i += 2 {
		if err := unix.Mprotect(unsafe.Slice((*byte)(unsafe.Add(p, i*page)), page), unix.PROT_READ); err != nil {
			return 0, nil, errors.Join(err, end())
		}
	}
	return uintptr(p) + uintptr(n/2*page), end, nil
}

// procmapQuery is struct procmap_query of linux/fs.h, procmapRequest the ioctl PROCMAP_QUERY for
// it.
type procmapQuery struct {
	size, flags, addr                      uint64
	start, end, vmaFlags, pageSize, offset uint64
	inode                                  uint64
	devMajor, devMinor                     uint32
	nameSize, buildIDSize                  uint32
	nameAddr, buildIDAddr                  uint64
}

const procmapRequest = 3<<30 | uintptr(unsafe.Sizeof(procmapQuery{}))<<16 | 'f'<<8 | 17

func areaRows() []harness.Row {
	const one = "one ioctl"
	var rows []harness.Row
	for _, n := range []int{10, 1000, 30000} {
		with := func(name, lib string, start func(at uintptr) (do, end func() error, err error)) harness.Case {
			return harness.Case{Name: name, Lib: lib, Setup: func(e *harness.Env) (harness.Bench, error) {
				at, err := harness.Keep(e, "mappings", func() (uintptr, func() error, error) { return manyMappings(n) })
				if err != nil {
					return harness.Bench{}, err
				}
				do, end, err := start(at)
				return harness.Bench{Ops: 1, Close: end, Run: repeat(func(int) error { return do() })}, err
			}}
		}
		rows = append(rows, harness.Row{Name: fmt.Sprintf("area of an address among %d mappings", n), Unit: "query", Floor: one,
			Plot: "areas", X: float64(n), XOf: "mappings", Cases: []harness.Case{
				with(one, "", func(at uintptr) (func() error, func() error, error) {
					f, err := os.Open("/proc/self/maps")
					if err != nil {
						return nil, nil, err
					}
					q := new(procmapQuery)
					return func() error {
						*q = procmapQuery{size: uint64(unsafe.Sizeof(*q)), addr: uint64(at)}
						// SAFETY: q is as the kernel wants it and alive over the call.
						if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), procmapRequest, uintptr(unsafe.Pointer(q))); errno != 0 {
							return errno
						}
						sink += q.start
						return nil
					}, f.Close, nil
				}),
				with("AreaAt", harness.Ours, func(at uintptr) (func() error, func() error, error) {
					return func() error {
						a, ok, err := typedmem.AreaAt(typedmem.Self, at)
						if !ok && err == nil {
							err = errors.New("no area found")
						}
						sink += uint64(a.Start)
						return err
					}, nil, nil
				}),
				with("reading /proc/self/maps", "Go", func(uintptr) (func() error, func() error, error) {
					return func() error {
						b, err := os.ReadFile("/proc/self/maps")
						sink += uint64(len(b))
						return err
					}, nil, nil
				}),
			}})
	}
	return rows
}
