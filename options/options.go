// Package options builds mappings. Options is an immutable value: each With method returns a
// changed copy and never fails, and a terminal method (Map, MapMut, Reserve, …) checks everything
// once and makes a typedmem.Mapping.
//
//	m, err := options.New(1 << 20).WithFlags(flags.Populate).MapMut()
package options

import (
	"os"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// Options describes a mapping to be made. It is cheap to copy and safe to share between goroutines;
// one value can make any number of mappings.
type Options struct {
	r mem.Request
}

// New describes a mapping of size bytes. For a size that is not positive the terminal method
// returns [typedmem.ErrSize], but 0 is allowed together with [Options.WithCapacity]: an empty
// mapping that can grow.
func New(size int) Options { return Options{mem.Request{Size: size}} }

// For describes a mapping of n values of type T. If their size overflows an int, the terminal
// method returns [typedmem.ErrSize].
func For[T any](n int) Options {
	var x T
	size, ok := num.Mul(n, int(unsafe.Sizeof(x)))
	if !ok {
		size = -1
	}
	return New(size)
}

// Size returns the size in bytes that New or For was given; it is negative for one that overflowed.
func (o Options) Size() int { return o.r.Size }

// WithAddress asks for an address: a hint, unless flags.Fixed is set. It must be a multiple of
// AllocationGranularity, and of the page size for huge pages; otherwise the terminal method returns
// ErrOffset.
func (o Options) WithAddress(addr uintptr) Options {
	o.r.Address = addr
	return o
}

// WithFile backs the mapping with a file, from offset bytes on. The offset need not be a multiple
// of the page size. The file must be open for reading, and for writing too where a shared mapping
// is to be written. The caller may close it once the mapping is made.
//
// The range may reach past the end of the file, as with mmap: an access to a page that begins past
// the end faults (see [typedmem.Guard]). Package region returns [typedmem.ErrTruncated] for such a
// range. Windows cannot map past the end and returns an error.
func (o Options) WithFile(f *os.File, offset int64) Options {
	o.r.File, o.r.HasFile, o.r.Offset = f, true, offset
	return o
}

// WithName gives the mapping a name for people: [typedmem.Mapping.Name], [typedmem.Mappings], the
// page of package debug, and the text of the mapping show it.
//
// Linux kernels with names for anonymous memory (CONFIG_ANON_VMA_NAME) also show it in
// /proc/PID/maps and [typedmem.Areas], as "[anon:NAME]". They take 79 bytes of ASCII: the rest is
// cut off there, and what the kernel does not print becomes _.
func (o Options) WithName(name string) Options {
	o.r.Name = name
	return o
}

// WithFlags adds flags to those given before.
func (o Options) WithFlags(f flags.Map) Options {
	o.r.Flags |= f
	return o
}

// WithUnsafeFlags adds unsafe flags to those given before.
func (o Options) WithUnsafeFlags(f flags.Unsafe) Options {
	o.r.Unsafe |= f
	return o
}

// WithUnsafeSystemFlags adds flags of the system's own mapping call, by the system's numbers. They
// are not checked, differ between systems, and can break every promise of the mapping.
//   - Unix: OR-ed into the flags argument of mmap(2), for instance unix.MAP_GROWSDOWN.
//   - Windows: OR-ed into the allocation type of VirtualAlloc2 or MapViewOfFile3.
func (o Options) WithUnsafeSystemFlags(f uintptr) Options {
	o.r.System |= f
	return o
}

// WithPageSize asks for pages of exactly this size. If the kernel lacks it, the terminal method
// returns [errors.ErrUnsupported], with or without flags.HugePages. A size larger than the usual
// page implies huge pages.
func (o Options) WithPageSize(p flags.PageSize) Options {
	o.r.PageSize = p
	return o
}

// WithCapacity reserves address space, in bytes, into which [typedmem.Mapping.Resize] can grow the
// mapping without moving it. Address space costs no memory, but counts against RLIMIT_AS, and
// against RLIMIT_MEMLOCK after mlockall(2) with MCL_FUTURE. All of the capacity is reserved, or the
// terminal method fails.
func (o Options) WithCapacity(bytes int) Options {
	o.r.Capacity = bytes
	return o
}

func init() { mem.RequestOf = func(o any) mem.Request { return o.(Options).r } }

// make makes the mapping.
func (o Options) make(p flags.Protection, reserve bool) (*typedmem.Mapping, error) {
	o.r.Protection, o.r.Reserve = p, reserve
	return mem.Map[*typedmem.Mapping](o.r)
}

const (
	none    = flags.None
	read    = flags.Read
	mut     = flags.Read | flags.Write
	exec    = flags.Read | flags.Execute
	execMut = flags.Read | flags.Write | flags.Execute
)

// MapNone makes a committed mapping that forbids every access.
func (o Options) MapNone() (*typedmem.Mapping, error) { return o.make(none, false) }

// Map makes a committed mapping that can be read.
func (o Options) Map() (*typedmem.Mapping, error) { return o.make(read, false) }

// MapMut makes a committed mapping that can be read and written.
func (o Options) MapMut() (*typedmem.Mapping, error) { return o.make(mut, false) }

// MapExec makes a committed mapping that can be read and executed.
func (o Options) MapExec() (*typedmem.Mapping, error) { return o.make(exec, false) }

// MapExecMut makes a committed mapping that can be read, written and executed. Without flags.JIT it
// returns [typedmem.ErrUnsafeFlag].
func (o Options) MapExecMut() (*typedmem.Mapping, error) {
	return o.make(execMut, false)
}

// ReserveNone reserves addresses without memory. Commit adds the memory, which forbids every access
// until the protection is changed. All Reserve methods refuse the same files and page sizes as the
// Map methods.
func (o Options) ReserveNone() (*typedmem.Mapping, error) { return o.make(none, true) }

// Reserve reserves addresses without memory; once committed they can be read.
func (o Options) Reserve() (*typedmem.Mapping, error) { return o.make(read, true) }

// ReserveMut reserves addresses without memory; once committed they can be read and written.
func (o Options) ReserveMut() (*typedmem.Mapping, error) { return o.make(mut, true) }

// ReserveExec reserves addresses without memory; once committed they can be read and executed.
func (o Options) ReserveExec() (*typedmem.Mapping, error) { return o.make(exec, true) }

// ReserveExecMut reserves addresses without memory; once committed they can be read, written and
// executed. Without flags.JIT it returns [typedmem.ErrUnsafeFlag].
func (o Options) ReserveExecMut() (*typedmem.Mapping, error) {
	return o.make(execMut, true)
}

// PageSize returns the smallest page size and the allocation granularity, in bytes. They differ on
// Windows, where the granularity is 64 KiB.
func PageSize() (page, granularity int) { return sys.PageSize(), sys.Granularity() }

// AllocationGranularity returns the unit in bytes in which the system hands out addresses.
func AllocationGranularity() int { return sys.Granularity() }

// PageSizes returns every page size that the kernel can map.
//   - Linux, Android: the usual page and each of /sys/kernel/mm/hugepages. FreeBSD:
//     getpagesizes(3). Windows: GetLargePageMinimum.
//   - If these cannot be read, for instance without /sys, it returns the usual page with an error:
//     there may be more.
func PageSizes() (flags.PageSizes, error) { return sys.PageSizes() }
