package options_test

import (
	"errors"
	"math"
	"os"
	"sync"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/options"
)

// A setter returns a changed copy and leaves its receiver as it was, from many goroutines at once.
func TestOptionsAreValues(t *testing.T) {
	base := options.New(10).WithFlags(flags.Populate)
	was := mem.RequestOf(base)
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			o := base.WithAddress(1<<20).WithFile(os.Stdin, 3).WithFlags(flags.Shared).WithUnsafeFlags(flags.JIT).WithUnsafeSystemFlags(8).
				WithPageSize(flags.Page2M).WithCapacity(99).WithName("x")
			want := mem.Request{
				Size: 10, Capacity: 99, Address: 1 << 20, File: os.Stdin, HasFile: true, Offset: 3, Flags: flags.Populate | flags.Shared,
				Unsafe: flags.JIT, System: 8, PageSize: flags.Page2M, Name: "x",
			}
			if got := mem.RequestOf(o); got != want {
				t.Errorf("got %+v\nwant %+v", got, want)
			}
		}()
	}
	group.Wait()
	if mem.RequestOf(base) != was {
		t.Error("a setter changed its receiver")
	}
}

func TestFlagsAccumulate(t *testing.T) {
	o := options.New(1).WithFlags(flags.Shared).WithFlags(flags.Populate).WithUnsafeFlags(flags.Fixed).WithUnsafeFlags(flags.JIT).
		WithUnsafeSystemFlags(1).WithUnsafeSystemFlags(4)
	if r := mem.RequestOf(o); r.Flags != flags.Shared|flags.Populate || r.Unsafe != flags.Fixed|flags.JIT || r.System != 5 {
		t.Errorf("%+v", r)
	}
}

// A size that overflows is remembered and reported by the terminal method.
func TestForChecksItsProduct(t *testing.T) {
	type kilo [1 << 10]byte
	for n, want := range map[int]int{0: 0, 1: 1 << 10, 3: 3 << 10, math.MaxInt >> 10: math.MaxInt >> 10 << 10} {
		if got := options.For[kilo](n).Size(); got != want {
			t.Errorf("%d values: %d bytes, want %d", n, got, want)
		}
	}
	for _, n := range []int{-1, math.MinInt, math.MaxInt>>10 + 1, math.MaxInt, math.MaxInt/2 + 2} {
		if _, err := options.For[kilo](n).MapMut(); !errors.Is(err, typedmem.ErrSize) {
			t.Errorf("%d values: %v", n, err)
		}
		if _, err := options.For[kilo](n).WithCapacity(1 << 20).MapMut(); !errors.Is(err, typedmem.ErrSize) {
			t.Errorf("%d values with a capacity: %v", n, err)
		}
	}
	if options.For[struct{}](math.MaxInt).Size() != 0 {
		t.Error("values without a size")
	}
}

func TestSystemSizes(t *testing.T) {
	page, granularity := options.PageSize()
	if page <= 0 || page&(page-1) != 0 || granularity < page || granularity%page != 0 || granularity != options.AllocationGranularity() {
		t.Errorf("page %d, granularity %d", page, granularity)
	}
	sizes, err := options.PageSizes()
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := flags.PageSizeOf(int64(page)); !ok || !sizes.Has(p) {
		t.Errorf("%v lacks %d", sizes, page)
	}
}
