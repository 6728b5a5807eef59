package flags_test

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/flags"
)

// Every flag has a name of its own, and a set's string lists those of its flags.
func TestNames(t *testing.T) {
	seen := map[string]bool{}
	name := func(s string) {
		if s == "" || s == "0" || strings.HasPrefix(s, "0x") || seen[s] {
			t.Errorf("%q is no name, or stands twice", s)
		}
		seen[s] = true
	}
	for f := flags.Map(1); f.Unknown() == 0; f <<= 1 {
		name(f.String())
	}
	for f := flags.Unsafe(1); f.Unknown() == 0; f <<= 1 {
		name(f.String())
	}
	for _, p := range []flags.Protection{flags.None, flags.Read, flags.Write, flags.Execute} {
		name(p.String())
	}
	for got, want := range map[string]string{
		flags.Map(0).String():                                    "0",
		(flags.Shared | flags.Populate).String():                 "Shared|Populate",
		(flags.DontNeed | 1<<22).String():                        "DontNeed|0x400000",
		(flags.Fixed | flags.JIT).String():                       "Fixed|JIT",
		(flags.Read | flags.Write | flags.Execute).String():      "Read|Write|Execute",
		fmt.Sprint(flags.None):                                   "None",
		fmt.Sprint(flags.Page4K, flags.Page2M, flags.Page16G):    "4K 2M 16G",
		fmt.Sprint(flags.PageSize(0), flags.PageSize(9)):         "default 512",
		flags.PageSize(200).String():                             "PageSize(200)",
		flags.Sizes(flags.Page2M, flags.Page4K, 0, 200).String(): "4K|2M",
		flags.PageSizes(0).String():                              "0",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Has means all of.
func TestHas(t *testing.T) {
	both := flags.Shared | flags.Populate
	if !both.Has(both) || !both.Has(flags.Shared) || !both.Has(0) || flags.Shared.Has(both) || flags.Map(0).Has(both) {
		t.Error("Map.Has")
	}
	if !(flags.Fixed | flags.JIT).Has(flags.JIT) || flags.Fixed.Has(flags.Fixed|flags.JIT) {
		t.Error("Unsafe.Has")
	}
	if !(flags.Read | flags.Write).Has(flags.Write) || flags.Read.Has(flags.Read|flags.Write) || !flags.Read.Has(flags.None) {
		t.Error("Protection.Has")
	}
}

// Unknown is what has no name.
func TestUnknown(t *testing.T) {
	if got := (flags.Shared | flags.DontNeed | 1<<22).Unknown(); got != 1<<22 {
		t.Errorf("Map: %v", got)
	}
	if got := (flags.Fixed | flags.JIT | 1<<2 | 1<<31).Unknown(); got != 1<<2|1<<31 {
		t.Errorf("Unsafe: %v", got)
	}
}

// A PageSize is the log2 of its bytes, alone and out of a set.
func TestPageSizes(t *testing.T) {
	for p, size := range map[flags.PageSize]int64{
		flags.Page4K: 4 << 10, flags.Page64K: 64 << 10, flags.Page512K: 512 << 10, flags.Page1M: 1 << 20, flags.Page2M: 2 << 20,
		flags.Page4M: 4 << 20, flags.Page8M: 8 << 20, flags.Page16M: 16 << 20, flags.Page32M: 32 << 20, flags.Page256M: 256 << 20,
		flags.Page512M: 512 << 20, flags.Page1G: 1 << 30, flags.Page2G: 2 << 30, flags.Page16G: 16 << 30,
	} {
		if p.Bytes() != size || bits.TrailingZeros64(uint64(size)) != int(p) {
			t.Errorf("%v is %d bytes, want %d", p, p.Bytes(), size)
		}
		if back, ok := flags.PageSizeOf(size); !ok || back != p {
			t.Errorf("PageSizeOf(%d) = %v, %v", size, back, ok)
		}
		if single, err := flags.Sizes(p).Single(); err != nil || single != p {
			t.Errorf("Single of %v: %v, %v", p, single, err)
		}
	}
	for _, bytes := range []int64{0, -1, -4096, 3, 4097, 1<<40 + 1} {
		if p, ok := flags.PageSizeOf(bytes); ok {
			t.Errorf("PageSizeOf(%d) = %v", bytes, p)
		}
	}
	for _, p := range []flags.PageSize{0, 63, 64, 255} {
		if p.Bytes() != 0 || flags.PageSizes(^uint64(0)).Has(p) && p.Bytes() != 0 || flags.Sizes(p) != 0 {
			t.Errorf("PageSize(%d) stands for %d bytes", uint8(p), p.Bytes())
		}
	}
	set := flags.Sizes(flags.Page1G, flags.Page4K, flags.Page2M)
	if got := slices.Collect(set.All()); !slices.Equal(got, []flags.PageSize{flags.Page4K, flags.Page2M, flags.Page1G}) {
		t.Errorf("All: %v", got)
	}
	for range set.All() {
		break
	}
	for _, s := range []flags.PageSizes{0, set} {
		if p, err := s.Single(); err == nil {
			t.Errorf("Single of %v: %v", s, p)
		}
	}
	if !set.Has(flags.Page2M) || set.Has(flags.Page4M) || set.Has(0) {
		t.Error("PageSizes.Has")
	}
}
