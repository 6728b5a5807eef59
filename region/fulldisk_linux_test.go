package region_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
	"golang.org/x/sys/unix"
)

// safely runs f and reports a fault as the failure that it is here.
func safely(t *testing.T, what string, f func() error) error {
	t.Helper()
	err := typedmem.Guard(f)
	if fault := (*typedmem.FaultError)(nil); errors.As(err, &fault) {
		t.Fatalf("%s faults: %v", what, err)
	}
	return err
}

// full checks that err is what a full disk gives: a fact, the file, and what to do.
func full(t *testing.T, what string, err error, path string) {
	t.Helper()
	if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, typedmem.ErrTruncated) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "free some") {
		t.Fatalf("%s: %v", what, err)
	}
}

// published returns the length that a reader beside the writer finds.
func published(t *testing.T, path string) int {
	t.Helper()
	r := open[pair](t, path)
	defer r.Close()
	for i := range r.Len() {
		if r.At(i) != (pair{uint64(i), 1}) {
			t.Fatalf("element %d is %v", i, r.At(i))
		}
	}
	return r.Len()
}

// appendUntil appends until there is an error.
func appendUntil(t *testing.T, r *region.Region[pair], chunk, most int) error {
	t.Helper()
	for r.Len() < most {
		xs := make([]pair, chunk)
		n := r.Len()
		for i := range xs {
			xs[i] = pair{uint64(n + i), 1}
		}
		if err := safely(t, "Append", func() error { return r.Append(xs...) }); err != nil {
			if r.Len() != n {
				t.Fatalf("%d elements after an Append that failed, %d before", r.Len(), n)
			}
			return err
		}
	}
	return nil
}

// Append on a full disk is an error and changes nothing, whether the space is taken by the region
// itself or by others, and whether what it writes to is new, was written back since, or is shared
// with a copy. Close keeps the region open until there is space, and nothing is lost.
func TestAppendOnAFullDisk(t *testing.T) {
	testenv.OnDisks(t, func(t *testing.T, kind, dir string) {
		for name, before := range map[string]func(t *testing.T, r *region.Region[pair], path string){
			"new": func(*testing.T, *region.Region[pair], string) {},
			"written back": func(t *testing.T, r *region.Region[pair], _ string) {
				testkit.Wants(t, "Sync", r.Sync(), nil)
				unix.Sync()
			},
			"shared": func(t *testing.T, r *region.Region[pair], path string) {
				testkit.Wants(t, "Sync", r.Sync(), nil)
				if out, err := exec.Command("cp", "--reflink=always", path, path+".copy").CombinedOutput(); err != nil {
					t.Skipf("no shared extents here: %s", out)
				}
				unix.Sync()
			},
		} {
			for chunkName, chunk := range map[string]int{"one": 1, "many": 1000} {
				t.Run(name+"/"+chunkName, func(t *testing.T) {
					path := dir + "/r" + chunkName
					r := create[pair](t, path)
					defer os.Remove(path)
					defer os.Remove(path + ".copy")
					defer r.Close()
					testkit.Wants(t, "Append", appendUntil(t, r, 1000, 10_000), nil)
					before(t, r, path)
					room := testenv.Fill(t, dir)
					defer room()
					err := appendUntil(t, r, chunk, 2_000_000)
					full(t, "Append", err, path)
					n := r.Len()
					if p := published(t, path); p != n {
						t.Errorf("a reader finds %d elements of %d", p, n)
					}
					err = safely(t, "Sync", r.Sync)
					if err != nil {
						full(t, "Sync", err, path)
					}
					err = safely(t, "Close", r.Close)
					if err != nil {
						full(t, "Close", err, path)
						if r.Len() != n {
							t.Fatal("the region is not open")
						}
					}
					open := err != nil
					t.Logf("%d elements; Close: %v", n, err)
					room()
					if open {
						testkit.Wants(t, "Append", appendUntil(t, r, chunk, n+chunk), nil)
						n += chunk
						testkit.Wants(t, "Sync", safely(t, "Sync", r.Sync), nil)
						testkit.Wants(t, "Close", safely(t, "Close", r.Close), nil)
					}
					if p := published(t, path); p != n {
						t.Errorf("%d elements of %d after opening again", p, n)
					}
				})
			}
		}
	})
}

// A Resize that cannot have the space changes nothing, and what it gives can be written without a
// fault.
func TestResizeOnAFullDisk(t *testing.T) {
	testenv.OnDisks(t, func(t *testing.T, kind, dir string) {
		path := dir + "/r"
		r := create[pair](t, path)
		defer r.Close()
		testkit.Wants(t, "Append", appendUntil(t, r, 1000, 10_000), nil)
		room := testenv.Fill(t, dir)
		defer room()
		err := safely(t, "Resize", func() error { return r.Resize(1 << 20) })
		full(t, "Resize", err, path)
		if p := published(t, path); r.Len() != 10_000 || p != 10_000 {
			t.Errorf("%d elements, %d published", r.Len(), p)
		}
		room()
		testkit.Wants(t, "Resize", safely(t, "Resize", func() error { return r.Resize(100_000) }), nil)
		if kind == "btrfs" { // a page that was written back needs new space
			return
		}
		defer testenv.Fill(t, dir)()
		testkit.Wants(t, "Set", safely(t, "Set", func() error {
			for i := 10_000; i < r.Len(); i++ {
				r.Set(i, pair{uint64(i), 1})
			}
			return nil
		}), nil)
		if p := published(t, path); p != 100_000 {
			t.Errorf("%d elements published", p)
		}
	})
}

// A raw shared mapping of a file is grown with the same promise.
func TestRawGrowthOnAFullDisk(t *testing.T) {
	testenv.OnDisks(t, func(t *testing.T, kind, dir string) {
		f, err := os.Create(dir + "/raw")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		r, err := region.MapMut[pair](options.New(0).WithFile(f, 0).WithFlags(flags.Shared).WithCapacity(256 << 20))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		testkit.Wants(t, "Append", appendUntil(t, r, 1000, 10_000), nil)
		testkit.Wants(t, "Flush", r.Flush(), nil)
		defer testenv.Fill(t, dir)()
		full(t, "Append", appendUntil(t, r, 1, 2_000_000), f.Name())
		n := r.Len()
		full(t, "Resize", safely(t, "Resize", func() error { return r.Resize(1 << 20) }), f.Name())
		if r.Len() != n {
			t.Errorf("%d elements of %d", r.Len(), n)
		}
		for i := range n {
			if r.At(i) != (pair{uint64(i), 1}) {
				t.Fatalf("element %d is %v", i, r.At(i))
			}
		}
	})
}

// No file is left where there is no space for it.
func TestCreateOnAFullDisk(t *testing.T) {
	testenv.OnDisks(t, func(t *testing.T, kind, dir string) {
		defer testenv.Fill(t, dir)()
		path := dir + "/r"
		err := safely(t, "Create", func() error { _, err := region.Create[pair](path, 1<<20); return err })
		full(t, "Create", err, path)
		if list, err := os.ReadDir(dir); err != nil || len(list) > 2 { // the filler, and lost+found
			t.Errorf("%v, %v", list, err)
		}
	})
}

// A Salvage or Snapshot to a full disk leaves nothing there, and the damaged file is as it was.
func TestSavesOnAFullDisk(t *testing.T) {
	elsewhere := t.TempDir()
	whole := create[pair](t, elsewhere+"/whole")
	defer whole.Close()
	testkit.Check(t, whole.Append(make([]pair, 1<<20)...))
	testkit.Check(t, whole.Sync())
	damaged := elsewhere + "/damaged"
	testkit.Check(t, os.WriteFile(damaged, testkit.Must(os.ReadFile(elsewhere + "/whole"))(t)[:12<<20], 0o600))
	before := testkit.Must(os.ReadFile(damaged))(t)
	testenv.SavesFail(t, map[string]func(path string) error{
		"Salvage":     func(path string) error { _, _, err := region.Salvage[pair](damaged, path); return err },
		"SalvageFile": func(path string) error { _, _, err := region.SalvageFile(damaged, path); return err },
		"Snapshot":    func(path string) error { return whole.Snapshot(path) },
	}, func(t *testing.T, what string, err error) { full(t, what, err, "") })
	if !bytes.Equal(testkit.Must(os.ReadFile(damaged))(t), before) {
		t.Error("the damaged file has changed")
	}
}

// An open and a shrinking Resize clear what follows the length. They take no space away from the
// page in which it ends: on a full disk its elements can still be set.
func TestThePageOfTheLengthKeepsItsSpace(t *testing.T) {
	testenv.OnDisks(t, func(t *testing.T, kind, dir string) {
		if kind == "btrfs" {
			t.Skip("btrfs writes nothing in place")
		}
		for name, leave := range map[string]func(r *region.Region[pair]) *region.Region[pair]{
			"opened after a kill": func(r *region.Region[pair]) *region.Region[pair] {
				path := r.Mapping().File()
				image := testkit.Must(os.ReadFile(path))(t) // what a killed writer leaves
				testkit.Check(t, r.Close())
				testkit.Check(t, os.WriteFile(path, image, 0o600))
				unix.Sync()
				return testkit.Must(region.OpenMut[pair](path))(t)
			},
			"made shorter": func(r *region.Region[pair]) *region.Region[pair] {
				testkit.Check(t, r.Resize(10_000-200)) // 2,944 bytes of its page are cleared
				unix.Sync()
				return r
			},
		} {
			t.Run(name, func(t *testing.T) {
				r := create[pair](t, dir+"/r")
				defer os.Remove(dir + "/r")
				testkit.Check(t, appendUntil(t, r, 1000, 10_000))
				testkit.Check(t, r.Sync())
				unix.Sync()
				r = leave(r)
				defer r.Close()
				room := testenv.Fill(t, dir)
				defer room()
				testkit.Check(t, safely(t, "Set", func() error {
					for i := max(r.Len()-500, 0); i < r.Len(); i++ {
						r.Set(i, pair{uint64(i), 2})
					}
					return nil
				}))
				if err := safely(t, "Sync", r.Sync); err != nil {
					full(t, "Sync", err, dir)
				}
			})
		}
	})
}
