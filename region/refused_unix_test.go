//go:build unix

package region_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// Every optional call has another way, or is left out where it is a hint: a file is made, grown, shrunk, synced, closed and opened again while
// a sandbox refuses the call. What is a promise is an error.
func TestOptionalCallsThatAreRefused(t *testing.T) {
	for _, refusal := range []error{syscall.ENOSYS, syscall.EPERM, syscall.EACCES, syscall.EINVAL, syscall.EOPNOTSUPP} {
		for _, op := range []sys.Op{sys.OpAllocate, sys.OpZero, sys.OpPrefault, sys.OpAdvise} {
			t.Run(fmt.Sprintf("%v/%v", op, refusal), func(t *testing.T) {
				defer sys.Interpose(func(c sys.Call) error {
					if c.Op == op {
						return refusal
					}
					return nil
				})()
				path := t.TempDir() + "/r"
				r, err := region.CreateWith[pair](path, 100, options.New(0).WithFlags(flags.Sequential|flags.WillNeed).WithCapacity(16<<20))
				if err != nil {
					t.Fatal(err)
				}
				wants(t, "Append", appendPairs(r, 100_000), nil)
				wants(t, "Prefault", r.Prefault(0, r.Len()), nil)
				wants(t, "Advise", r.Mapping().Advise(0, r.Mapping().Len(), flags.RandomAccess), nil)
				wants(t, "Resize", errors.Join(r.Resize(50_000), r.Resize(60_000)), nil)
				if r.At(49_999) != (pair{49_999, 1}) || r.At(50_000) != (pair{}) {
					t.Error(r.At(49_999), r.At(50_000))
				}
				wants(t, "Sync and Close", errors.Join(r.Sync(), r.Close()), nil)
				if again := open[pair](t, path); again.Len() != 60_000 || again.Close() != nil {
					t.Errorf("%d elements", again.Len())
				}
				if op == sys.OpAdvise {
					_, err := options.New(1 << 16).WithFlags(flags.NoCoreDump).MapMut()
					wants(t, "a promise", err, refusal)
				}
			})
		}
	}
}

func appendPairs(r *region.Region[pair], n int) error {
	for i := range n {
		if i >= 100 {
			if err := r.Append(pair{uint64(i), 1}); err != nil {
				return err
			}
		}
	}
	return nil
}
