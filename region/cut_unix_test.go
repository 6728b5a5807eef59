//go:build unix

package region_test

import (
	"errors"
	"os"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
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
