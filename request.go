package typedmem

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// request is a mem.Request that is yet to be checked.
type request mem.Request

// plan is a mem.Request that has been checked, in pages.
type plan struct {
	mem.Request
	unit     int // page size in use, bytes
	delta    int // bytes from the start of the first page to the first byte of the mapping
	mapped   int // bytes to map, from the start of the first page
	reserved int // bytes to reserve, at least mapped
	least    int // bytes from the first byte of the mapping that reserved must include
}

// check validates the request, once and before any system call that makes something.
func (r request) check() (p plan, err error) {
	p.Request = mem.Request(r)
	if err := r.checkSizes(); err != nil {
		return p, err
	}
	switch {
	case r.FileOwner != nil:
		p.Writeback = r.FileOwner.Writeback()
	case r.HasFile:
		p.Writeback = new(mem.Writeback)
	}
	p.least = max(r.Size, r.Capacity)
	if r.Elastic {
		r.Capacity = growing(p.least, r.Follows)
		p.Capacity = r.Capacity
	}
	if err := r.checkFlags(); err != nil {
		return p, err
	}
	if err := r.checkFile(); err != nil {
		return p, err
	}
	if p.unit, p.PageSize, err = r.pageUnit(); err != nil {
		return p, err
	}
	if p.PageSize != 0 {
		p.Flags |= flags.HugePages
	}
	granularity := sys.Granularity()
	if !num.Multiple(r.Address, uintptr(max(p.unit, granularity))) {
		return p, fmt.Errorf("address %#x must be a multiple of %d bytes: %w", r.Address, max(p.unit, granularity), ErrOffset)
	}
	p.delta = int(r.Offset & int64(max(granularity, p.unit)-1))
	var ok1, ok2 bool
	p.mapped, ok1 = num.Up(num.AddOrMax(r.Size, p.delta), p.unit)
	p.reserved, ok2 = num.Up(num.AddOrMax(max(r.Size, r.Capacity), p.delta), max(p.unit, granularity))
	if _, ok3 := num.AddAddr(r.Address, p.reserved); !ok1 || !ok2 || !ok3 {
		return p, fmt.Errorf("%d bytes, %d of capacity, do not fit an address space: %w", r.Size, r.Capacity, ErrSize)
	}
	return p, nil
}

func (r request) checkSizes() error {
	switch {
	case r.Size < 0:
		return fmt.Errorf("a negative size, or one that overflows an int; ask for fewer elements: %w", ErrSize)
	case r.Size == 0 && r.Reserve:
		return fmt.Errorf("0 bytes to reserve; ask for at least 1: %w", ErrSize)
	case r.Size == 0 && r.Capacity == 0:
		return fmt.Errorf("0 bytes; an empty mapping needs a capacity to grow into: %w", ErrSize)
	case r.Capacity < 0 || r.Capacity > 0 && r.Capacity < r.Size:
		return fmt.Errorf("a capacity of %d bytes for %d bytes; it must be at least the size: %w", r.Capacity, r.Size, ErrSize)
	case uint64(max(r.Size, r.Capacity)) >= 1<<57:
		return fmt.Errorf("%d bytes are more than any address space holds: %w", max(r.Size, r.Capacity), ErrSize)
	}
	return nil
}

func (r request) checkFlags() error {
	if bad := r.Flags.Unknown(); bad != 0 {
		return fmt.Errorf("flags %v are not known: %w", bad, ErrOperation)
	}
	if bad := r.Unsafe.Unknown(); bad != 0 {
		return fmt.Errorf("unsafe flags %v are not known: %w", bad, ErrOperation)
	}
	if err := lockable(r.Flags, r.Protection); err != nil && !r.Reserve {
		return err
	}
	if r.Unsafe.Has(flags.Fixed) && r.Address == 0 {
		return fmt.Errorf("flags.Fixed needs an address, see WithAddress: %w", ErrOperation)
	}
	if r.Unsafe.Has(flags.Fixed) && !sys.HasFixed {
		return fmt.Errorf("flags.Fixed: this system cannot map over what is there: %w", errors.ErrUnsupported)
	}
	return checkProtection(r.Protection, r.Unsafe)
}

// lockable refuses to lock memory that nobody may read: the system cannot bring its pages in.
func lockable(f flags.Map, p flags.Protection) error {
	if f.Has(flags.Locked) && !p.Has(flags.Read) {
		return fmt.Errorf("flags.Locked with protection %v: locked pages are read in, so allow reading: %w", p, ErrProtection)
	}
	return nil
}

// checkProtection refuses memory that is writable and executable at once unless flags.JIT was
// given.
func checkProtection(p flags.Protection, u flags.Unsafe) error {
	if p.Has(flags.Write|flags.Execute) && !u.Has(flags.JIT) {
		return fmt.Errorf("memory writable and executable at once needs flags.JIT, see WithUnsafeFlags: %w", ErrUnsafeFlag)
	}
	return nil
}

// pageUnit returns the page size in use in bytes, and the huge page size to ask for or 0.
func (r request) pageUnit() (unit int, huge flags.PageSize, err error) {
	unit, huge, err = r.wishedUnit()
	if err != nil || r.File == nil {
		return unit, huge, err
	}
	of, known, err := sys.FilePageSize(r.File)
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("the page size of the file: %w", err)
	case !known || of == huge:
		return unit, huge, nil
	case of == 0:
		return 0, 0, fmt.Errorf("page size %v for a file that is not on a hugetlbfs: %w", huge, errors.ErrUnsupported)
	case r.PageSize != 0 || of.Bytes() > math.MaxInt:
		return 0, 0, fmt.Errorf("page size %v for a file with pages of %v: %w", r.PageSize, of, errors.ErrUnsupported)
	}
	return int(of.Bytes()), of, nil
}

// wishedUnit is pageUnit before the file has a say.
func (r request) wishedUnit() (unit int, huge flags.PageSize, err error) {
	base := sys.PageSize()
	if r.PageSize == 0 && !r.Flags.Has(flags.HugePages) {
		return base, 0, nil
	}
	p := r.PageSize
	if p == 0 {
		if p, err = sys.HugePageSize(); err != nil {
			return 0, 0, fmt.Errorf("huge pages: %w", err)
		}
	}
	if p.Bytes() == int64(base) {
		if r.Flags.Has(flags.HugePages) {
			return 0, 0, fmt.Errorf("page size %v is the usual one and no huge page: %w", p, ErrOperation)
		}
		return base, 0, nil
	}
	sizes, err := sys.PageSizes()
	if err != nil {
		return 0, 0, fmt.Errorf("page sizes: %w", err)
	}
	if !sizes.Has(p) {
		return 0, 0, fmt.Errorf("page size %v, the kernel has %v: %w", p, sizes, errors.ErrUnsupported)
	}
	if p.Bytes() > math.MaxInt32 && strconv.IntSize == 32 {
		return 0, 0, fmt.Errorf("page size %v does not fit this address space: %w", p, errors.ErrUnsupported)
	}
	return int(p.Bytes()), p, nil
}

func (r request) checkFile() error {
	if !r.HasFile {
		return nil
	}
	if r.File == nil {
		return fmt.Errorf("WithFile was given a nil file; pass an open one: %w", ErrOperation)
	}
	if err := sys.CheckOpen(r.File); err != nil { // asked here, since Windows has another error for it later
		return err
	}
	if r.Offset < 0 {
		return fmt.Errorf("file offset %d must not be negative: %w", r.Offset, ErrOffset)
	}
	end, ok := num.Add(r.Offset, int64(max(r.Size, r.Capacity)))
	if !ok || end > math.MaxInt64-1<<34 { // rounding up to pages must not overflow either
		return fmt.Errorf("file offset %d and %d bytes: %w", r.Offset, max(r.Size, r.Capacity), ErrOffset)
	}
	if !r.WithinFile {
		return nil
	}
	size, _, err := sys.FileSize(r.File)
	if err != nil {
		return err
	}
	if end := r.Offset + int64(r.Size); end > size {
		return fmt.Errorf("bytes [%d,%d) of a file of %d bytes: %w", r.Offset, end, size, ErrTruncated)
	}
	return nil
}
