package flags

import (
	"fmt"
	"iter"
	"math/bits"
	"strings"
)

// PageSize is a page size as the binary logarithm of its bytes: Page4K is 12. The zero value stands
// for the system's usual page size.
type PageSize uint8

// Page sizes that some processor and system offer.
const (
	Page4K   PageSize = 12
	Page64K  PageSize = 16
	Page512K PageSize = 19
	Page1M   PageSize = 20
	Page2M   PageSize = 21
	Page4M   PageSize = 22
	Page8M   PageSize = 23
	Page16M  PageSize = 24
	Page32M  PageSize = 25
	Page256M PageSize = 28
	Page512M PageSize = 29
	Page1G   PageSize = 30
	Page2G   PageSize = 31
	Page16G  PageSize = 34
)

// PageSizeOf returns the PageSize of a number of bytes; ok is false when that is no power of two.
func PageSizeOf(bytes int64) (p PageSize, ok bool) {
	if bytes <= 0 || bytes&(bytes-1) != 0 {
		return 0, false
	}
	return PageSize(bits.TrailingZeros64(uint64(bytes))), true
}

// Bytes returns the page size in bytes. It is 0 for the zero PageSize and above 62, where no int64
// can hold it.
func (p PageSize) Bytes() int64 {
	if p == 0 || p > 62 {
		return 0
	}
	return 1 << p
}

// String renders the size with the largest unit that divides it, as in "2M".
func (p PageSize) String() string {
	switch {
	case p == 0:
		return "default"
	case p > 62:
		return fmt.Sprintf("PageSize(%d)", uint8(p))
	case p >= 30:
		return fmt.Sprintf("%dG", int64(1)<<(p-30))
	case p >= 20:
		return fmt.Sprintf("%dM", int64(1)<<(p-20))
	case p >= 10:
		return fmt.Sprintf("%dK", int64(1)<<(p-10))
	}
	return fmt.Sprintf("%d", int64(1)<<p)
}

// PageSizes is a set of page sizes: bit p stands for PageSize p.
type PageSizes uint64

// Sizes returns the set of the given sizes. It leaves out the zero PageSize and sizes above 62.
func Sizes(list ...PageSize) PageSizes {
	var set PageSizes
	for _, p := range list {
		if p.Bytes() != 0 {
			set |= 1 << p
		}
	}
	return set
}

// Has reports whether p is in the set.
func (s PageSizes) Has(p PageSize) bool { return p.Bytes() != 0 && s&(1<<p) != 0 }

// All yields the sizes of the set, smallest first.
func (s PageSizes) All() iter.Seq[PageSize] {
	return func(yield func(PageSize) bool) {
		for rest := s; rest != 0; rest &= rest - 1 {
			if !yield(PageSize(bits.TrailingZeros64(uint64(rest)))) {
				return
			}
		}
	}
}

// Single returns the only size of the set; it is an error when the set is empty or holds several.
func (s PageSizes) Single() (PageSize, error) {
	if bits.OnesCount64(uint64(s)) != 1 {
		return 0, fmt.Errorf("flags: the set %v holds %d page sizes, not one", s, bits.OnesCount64(uint64(s)))
	}
	return PageSize(bits.TrailingZeros64(uint64(s))), nil
}

// String lists the sizes, as in "4K|2M"; the empty set is "0".
func (s PageSizes) String() string {
	if s == 0 {
		return "0"
	}
	var parts []string
	for p := range s.All() {
		parts = append(parts, p.String())
	}
	return strings.Join(parts, "|")
}
