package typedmem_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// arrivals records which pages are brought in until the test ends. refuse may be nil.
func arrivals(t *testing.T, refuse func(lo, hi uintptr) error) (came func(addr uintptr) bool, steps *[]int) {
	page, pages := uintptr(sys.PageSize()), map[uintptr]bool{}
	steps = new([]int)
	t.Cleanup(sys.Interpose(func(c sys.Call) error {
		if c.Op != sys.OpPrefault {
			return nil
		}
		if refuse != nil {
			if err := refuse(c.Addr, c.Addr+uintptr(c.Len)); err != nil {
				return err
			}
		}
		for at := c.Addr; at < c.Addr+uintptr(c.Len); at += page {
			pages[at/page] = true
		}
		*steps = append(*steps, c.Len)
		return nil
	}))
	return func(addr uintptr) bool { return pages[addr/page] }, steps
}

// growingFile returns a region of the bytes of a new file of n bytes, with room for 16 MiB.
func growingFile(t *testing.T, n int) *region.Region[byte] {
	t.Helper()
	testenv.PartialPages(t)
	f := testkit.File(t, make([]byte, n))
	r := testkit.Must(region.MapMut[byte](options.New(n).WithFile(f, 0).WithFlags(flags.Shared).WithCapacity(16 << 20)))(t)
	testkit.CloseLater(t, r)
	return r
}

// No page of a file is written by Append that no system call has brought in: the one in which the
// region ended and all new ones, in steps of at most 1 MiB.
func TestAppendWritesToPagesThatHaveCome(t *testing.T) {
	for _, batch := range []int{1, unit - 1, 100_000, 3<<20 + 5} {
		t.Run(fmt.Sprint(batch), func(t *testing.T) {
			r := growingFile(t, 100)
			if batch > mem.MostPresent && sys.Refused(sys.Prefault(r.Mapping().Addr(), unit, true)) {
				t.Skip("the system has no call that brings pages in, so the first step is the last")
			}
			came, steps := arrivals(t, nil)
			m, total := r.Mapping(), min(10<<20, 50_000*min(batch, 1000))
			l := mem.Of(m).Limits()
			for xs := make([]byte, batch); r.Len() < total; {
				from := r.Len()
				testkit.Check(t, r.Append(xs...), "append")
				for at := from - from%unit; at < r.Len(); at += unit {
					if !came(m.Addr() + uintptr(at)) {
						t.Fatalf("the page at byte %d was written by an Append from %d to %d, and nothing had brought it in", at, from, r.Len())
					}
				}
			}
			for at := l.Readable(); at < l.Room(); at += uintptr(unit) {
				if !came(at) {
					t.Fatalf("Append may write %d bytes, and the page at %d has not come", l.Room()-l.Base(), at-l.Base())
				}
			}
			for _, n := range *steps {
				if n > max(mem.MostPresent, unit) {
					t.Errorf("%d bytes come by one call", n)
				}
			}
			if most := 40 + 2*total/mem.MostPresent; len(*steps) > most {
				t.Errorf("%d calls for %d bytes, %d are enough", len(*steps), total, most)
			}
		})
	}
}

// Resize writes nothing, so it brings nothing in; the next Append brings in what it writes.
func TestResizeBringsNoPageIn(t *testing.T) {
	r := growingFile(t, 100)
	came, steps := arrivals(t, nil)
	testkit.Check(t, r.Resize(5<<20+1), "resize")
	if len(*steps) > 0 {
		t.Errorf("Resize brought in %d bytes", *steps)
	}
	testkit.Check(t, r.Append(7), "append")
	if first := r.Mapping().Addr(); !came(first+5<<20) || came(first) {
		t.Error("Append has not brought in just the page that it writes to")
	}
	testkit.Check(t, r.Resize(100), "shrink")
	*steps = nil
	testkit.Check(t, r.Append(7), "append to what is shorter now")
	if len(*steps) == 0 {
		t.Error("after a shrink Append has brought nothing in")
	}
}

// A page that cannot come is an error of the Append that needs it, which changes nothing. One that
// only lies ahead is not.
func TestAPageThatCannotCome(t *testing.T) {
	r := growingFile(t, 100)
	base := r.Mapping().Addr()
	broken := base + uintptr(3*unit)
	arrivals(t, func(lo, hi uintptr) error {
		if lo <= broken && broken < hi {
			return fmt.Errorf("%w: injected", sys.ErrNoPage)
		}
		return nil
	})
	for r.Len() < 3*unit {
		testkit.Check(t, r.Append(7), "append before the page")
	}
	n := r.Len()
	for _, more := range []int{1, unit, 2 * unit} {
		err := r.Append(make([]byte, more)...)
		if !errors.Is(err, sys.ErrNoPage) || r.Len() != n || !strings.Contains(err.Error(), r.Mapping().File()) {
			t.Fatalf("Append of %d bytes: %v, %d bytes, %d before", more, err, r.Len(), n)
		}
	}
	broken = 0
	testkit.Check(t, r.Append(8), "append when the page comes again")
	if r.At(n) != 8 || r.At(n-1) != 7 {
		t.Errorf("the bytes are %d and %d", r.At(n-1), r.At(n))
	}
}

// Where the system cannot bring pages in, or does not for a reason of its own, they come when they
// are touched.
func TestAppendWithoutACallForPages(t *testing.T) {
	for _, refusal := range []error{errors.ErrUnsupported, os.ErrPermission, errors.New("busy")} {
		r := growingFile(t, 100)
		arrivals(t, func(lo, hi uintptr) error { return refusal })
		for range 300 {
			testkit.Check(t, r.Append(make([]byte, 10_000)...), "append where it is ", refusal)
		}
		if r.Len() != 100+3_000_000 {
			t.Errorf("%d bytes", r.Len())
		}
	}
}

// BringIn is for stores to bytes of the mapping, and changes none.
func TestBringIn(t *testing.T) {
	f := testkit.File(t, pattern(8*unit))
	m := testkit.Must(options.New(8*unit).WithFile(f, 0).WithFlags(flags.Shared).MapMut())(t)
	testkit.CloseLater(t, m)
	came, _ := arrivals(t, nil)
	in := mem.Of(m)
	testkit.Check(t, in.BringIn(unit+5, 3*unit), "bring in")
	for i, want := range []bool{false, true, true, false} {
		if came(m.Addr()+uintptr(i*unit)) != want {
			t.Errorf("page %d came: %v", i, !want)
		}
	}
	if string(m.Bytes()) != string(pattern(8*unit)) {
		t.Error("bytes have changed")
	}
	testkit.Wants(t, "past the end", in.BringIn(0, 8*unit+1), typedmem.ErrBounds)
	testkit.Check(t, m.MakeReadOnly(), "MakeReadOnly")
	testkit.Wants(t, "read-only", in.BringIn(0, 1), typedmem.ErrProtection)
	testkit.Check(t, m.Close(), "Close")
	testkit.Wants(t, "closed", in.BringIn(0, 1), typedmem.ErrClosed)
	_, steps := arrivals(t, nil)
	testkit.Check(t, mem.Of(mapMut(t, options.New(unit))).BringIn(0, unit), "anonymous")
	if len(*steps) > 0 {
		t.Error("anonymous memory was brought in")
	}
}
