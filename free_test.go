package typedmem_test

import (
	"fmt"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// Free keeps every byte outside its range, and within it leaves what was there or zeros.
func TestFreeDropsNothingOutsideItsRange(t *testing.T) {
	n := 4*page - 5
	for lo := 0; lo <= n; lo += page/2 - 1 {
		for hi := lo; hi <= n; hi = nextOf(hi, page/2+3, n) {
			m := mapMut(t, options.New(n))
			b, was := m.Bytes(), pattern(n)
			copy(b, was)
			testkit.Check(t, m.Advise(lo, hi, flags.Free), "advise")
			same(t, fmt.Sprintf("before [%d,%d)", lo, hi), b[:lo], was[:lo])
			same(t, fmt.Sprintf("after [%d,%d)", lo, hi), b[hi:], was[hi:])
			for i := lo; i < hi; i++ {
				if b[i] != 0 && b[i] != was[i] {
					t.Fatalf("byte %d is %d", i, b[i])
				}
			}
			copy(b, was)
			same(t, "what was written again", b, was)
			testkit.Check(t, m.Close(), "close")
		}
	}
}

// The contents of a file, or of what others share, are not this mapping's to free.
func TestFreeIsRefusedForWhatOthersSee(t *testing.T) {
	f := testkit.File(t, pattern(2*unit))
	for name, o := range map[string]options.Options{
		"shared file":   options.New(2*unit).WithFile(f, 0).WithFlags(flags.Shared),
		"private file":  options.New(2*unit).WithFile(f, 0),
		"shared memory": options.New(2 * unit).WithFlags(flags.Shared),
	} {
		m := mapMut(t, o)
		copy(m.Bytes(), pattern(2*unit))
		testkit.Wants(t, name, m.Advise(0, 2*unit, flags.Free|flags.WillNeed), typedmem.ErrOperation, "DontNeed")
		same(t, name, m.Bytes(), pattern(2*unit))
		testkit.Check(t, m.Close(), "close")
	}
}
