//go:build unix

package region_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// A region whose file somebody has cut off closes all the same, once, with an error.
func TestARegionWhoseFileWasCutOffCloses(t *testing.T) {
	testenv.FaultAddresses(t)
	for name, first := range map[string]func(r *region.Region[int64]) error{
		"whole":   func(*region.Region[int64]) error { return nil },
		"mapping": func(r *region.Region[int64]) error { return r.Mapping().Close() },
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir() + "/r"
			r, err := region.Create[int64](path, 10)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
			if err := first(r); err != nil {
				t.Fatal(err)
			}
			if err := r.Close(); !errors.Is(err, typedmem.ErrTruncated) {
				t.Fatalf("close: %v", err)
			}
			if err := r.Close(); !errors.Is(err, typedmem.ErrClosed) {
				t.Fatalf("closing twice: %v", err)
			}
			if info, err := os.Stat(path); err != nil || info.Size() != 0 {
				t.Fatalf("Close changed the file: %v, %v", info, err)
			}
		})
	}
}

// What a Sync acknowledged lies in a directory that may have another name by then.
func TestSyncFindsItsDirectoryUnderAnotherName(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/a", 0o777); err != nil {
		t.Fatal(err)
	}
	r, err := region.Create[int64](dir+"/a/r", 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(dir+"/a", dir+"/b"); err != nil {
		t.Fatal(err)
	}
	testkit.Wants(t, "Sync", r.Sync(), typedmem.ErrReplaced) // it made it durable all the same
	testkit.Check(t, r.Close())
	if r, err = region.Open[int64](dir + "/b/r"); err != nil || r.Len() != 10 {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// What an Append copied before it faulted is not shown by a Resize: new elements are zero.
func TestNewElementsAreZeroAfterAnAppendThatFaulted(t *testing.T) {
	testenv.FaultAddresses(t)
	testenv.PartialPages(t)
	page := os.Getpagesize()
	for name, use := range map[string]func(r *region.Region[big]) (*region.Region[big], error){
		"as it is":             func(r *region.Region[big]) (*region.Region[big], error) { return r, nil },
		"after another append": func(r *region.Region[big]) (*region.Region[big], error) { return r, r.Append(big{}) },
		"after shrinking": func(r *region.Region[big]) (*region.Region[big], error) {
			return r, r.Resize(0)
		},
		"split off": func(r *region.Region[big]) (*region.Region[big], error) {
			if c, err := r.SplitOff(16); !errors.Is(err, typedmem.ErrOperation) { // which a file says
				return c, err
			}
			return r, nil
		},
		"split to": func(r *region.Region[big]) (*region.Region[big], error) {
			if _, err := r.SplitTo(16); !errors.Is(err, typedmem.ErrOperation) {
				return r, err
			}
			return r, nil
		},
		"merged": func(r *region.Region[big]) (*region.Region[big], error) {
			c, err := r.SplitOff(16)
			if errors.Is(err, typedmem.ErrOperation) {
				return r, nil
			}
			return r, errors.Join(err, r.Merge(c))
		},
	} {
		for _, n := range []int{1, 3} {
			for kind, create := range map[string]func() (*region.Region[big], error){
				"memory": func() (*region.Region[big], error) { return region.New[big](32) },
				"file":   func() (*region.Region[big], error) { return region.Create[big](t.TempDir()+"/r", 32) },
			} {
				t.Run(fmt.Sprintf("%s/%s/%d", name, kind, n), func(t *testing.T) {
					source := rawFile(t, n*16<<10)
					from, err := region.Map[big](options.New(n*16<<10).WithFile(source, 0))
					if err != nil {
						t.Fatal(err)
					}
					defer from.Close()
					if err := source.Truncate(int64((n-1)*16<<10 + min(page, 8<<10))); err != nil {
						t.Fatal(err)
					}
					r, err := create()
					if err != nil {
						t.Fatal(err)
					}
					defer r.Close()
					if err := typedmem.Guard(func() error { return r.Append(from.Slice()...) }); !errors.Is(err, typedmem.ErrTruncated) {
						t.Skip("the pages here are larger than what was cut off: ", err)
					}
					if r, err = use(r); err != nil {
						t.Fatal(err)
					}
					defer r.Close()
					before := r.Len()
					if err := r.Resize(before + 40); err != nil {
						t.Fatal(err)
					}
					for i := before; i < r.Len(); i++ {
						if r.At(i) != (big{}) {
							t.Fatalf("new element %d of %d is not zero", i, r.Len())
						}
					}
				})
			}
		}
	}
}

// A truncated file is reported by every call that says that its elements are there, or
// adds more after them, and Close gives everything back.
func TestACutOffFileIsTold(t *testing.T) {
	testenv.PartialPages(t)
	for name, do := range map[string]func(r *region.Region[int64]) error{
		"sync":   func(r *region.Region[int64]) error { return r.Sync() },
		"close":  func(r *region.Region[int64]) error { return r.Close() },
		"grow":   func(r *region.Region[int64]) error { return r.Resize(100_000) },
		"append": func(r *region.Region[int64]) error { return r.Append(make([]int64, 100_000)...) },
		"shrink": func(r *region.Region[int64]) error { return r.Resize(9) },
	} {
		for _, dirty := range []bool{false, true} {
			path := t.TempDir() + "/r"
			r, err := region.Create[int64](path, 0)
			if err == nil {
				err = errors.Join(r.Append(1, 2, 3, 4, 5, 6, 7, 8), r.Sync(), r.Append(9, 10))
			}
			if err == nil && !dirty {
				err = r.Sync()
			}
			if err != nil {
				t.Fatal(err)
			}
			const size = 64<<10 + 4*8 // within the page: nothing faults
			if err := os.Truncate(path, size); err != nil {
				t.Fatal(err)
			}
			if err := do(r); !errors.Is(err, typedmem.ErrTruncated) {
				t.Errorf("%s, length synced %v: %v", name, !dirty, err)
			}
			if info, err := os.Stat(path); err != nil || info.Size() != size {
				t.Errorf("%s, length synced %v: the file was changed: %d bytes, %v", name, !dirty, info.Size(), err)
			}
			if err := r.Close(); name != "close" && !errors.Is(err, typedmem.ErrTruncated) {
				t.Errorf("%s, length synced %v, closing: %v", name, !dirty, err)
			}
			if err := r.Close(); !errors.Is(err, typedmem.ErrClosed) {
				t.Errorf("%s, length synced %v, closing twice: %v", name, !dirty, err)
			}
			again, err := region.OpenMut[int64](path) // the lock is gone
			if !errors.Is(err, typedmem.ErrTruncated) {
				t.Errorf("%s, length synced %v, opening: %v", name, !dirty, err)
			}
			if err == nil {
				_ = again.Close()
			}
		}
	}
}
