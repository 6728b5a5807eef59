//go:build unix

package region_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
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
	if err := errors.Join(r.Sync(), r.Close()); err != nil {
		t.Fatal(err)
	}
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
	type big [2048]int64
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
						t.Skip("nothing faulted: ", err)
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
