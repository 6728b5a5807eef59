//go:build unix

package region_test

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// Every optional call has another way, or is left out where it is a hint: a file is made, grown,
// shrunk, synced, closed and opened again while a sandbox refuses the call. What is a promise is an
// error.
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
				r, err := region.OpenFile[pair](path, region.FileOptions{Write: true, Create: true, Len: 100, Flags: flags.Sequential | flags.WillNeed, Capacity: 1 << 20})
				if err != nil {
					t.Fatal(err)
				}
				testkit.Wants(t, "Append", appendPairs(r, 100_000), nil)
				testkit.Wants(t, "Prefault", r.Prefault(0, r.Len()), nil)
				testkit.Wants(t, "Advise", r.Mapping().Advise(0, r.Mapping().Len(), flags.RandomAccess), nil)
				testkit.Wants(t, "Resize", errors.Join(r.Resize(50_000), r.Resize(60_000)), nil)
				if r.At(49_999) != (pair{49_999, 1}) || r.At(50_000) != (pair{}) {
					t.Error(r.At(49_999), r.At(50_000))
				}
				testkit.Wants(t, "Sync and Close", errors.Join(r.Sync(), r.Close()), nil)
				if again := open[pair](t, path); again.Len() != 60_000 || again.Close() != nil {
					t.Errorf("%d elements", again.Len())
				}
				useSlabFile(t, path+".slab")
				if op == sys.OpAdvise {
					_, err := options.New(1 << 16).WithFlags(flags.NoCoreDump).MapMut()
					testkit.Wants(t, "a promise", err, refusal)
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

// useSlabFile does with a slab file what a program does.
func useSlabFile(t *testing.T, path string) {
	t.Helper()
	s, err := slab.Create[pair](path, 100_000)
	if err != nil {
		t.Fatal("a slab file: ", err)
	}
	var handles []slab.Handle[pair]
	for i := range 20_000 {
		h, err := s.Insert(pair{uint64(i), 1})
		if err != nil {
			t.Fatal("Insert: ", err)
		}
		handles = append(handles, h)
	}
	for _, h := range handles[10_000:] {
		testkit.Wants(t, "Free", s.Free(h), nil)
	}
	_, err = s.Trim()
	testkit.Wants(t, "Trim", err, nil)
	_, err = slab.Create[pair](path, 1)
	testkit.Wants(t, "Create again", err, os.ErrExist)
	testkit.Wants(t, "Sync and Close", errors.Join(s.Flush(), s.Sync(), s.Close()), nil)
	if s, err = slab.OpenMut[pair](path); err != nil {
		t.Fatal("OpenMut: ", err)
	}
	reader, err := slab.Open[pair](path)
	if err != nil {
		t.Fatal("Open: ", err)
	}
	h, err := s.Insert(pair{7, 7})
	testkit.Wants(t, "Insert", err, nil)
	for want, h := range map[pair]slab.Handle[pair]{{9_999, 1}: handles[9_999], {7, 7}: h} {
		if x, err := reader.Load(h); x != want || err != nil {
			t.Errorf("%v, %v, want %v", x, err, want)
		}
	}
	if s.Len() != 10_001 || s.Has(handles[10_000]) {
		t.Errorf("%d objects", s.Len())
	}
	testkit.Wants(t, "Close", errors.Join(reader.Close(), s.Close()), nil)
}
