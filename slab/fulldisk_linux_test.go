package slab_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
	"golang.org/x/sys/unix"
)

// onFull is a slab file on a disk that may be full, with the objects that it must hold.
type onFull[T comparable] struct {
	t     *testing.T
	path  string
	s     *slab.Slab[T]
	make  func(n uint64) T
	has   map[slab.Handle[T]]T
	stale []slab.Handle[T]
	made  uint64
	full  map[string]int // refusals, by call
	done  map[string]int
}

// try makes one call, which must not fault, and reports whether it was done. What a full disk
// refuses must say so and name the file.
func (f *onFull[T]) try(what string, call func() error) bool {
	f.t.Helper()
	err := typedmem.Guard(call)
	if err == nil {
		f.done[what]++
		return true
	}
	if fault := (*typedmem.FaultError)(nil); errors.As(err, &fault) {
		f.t.Fatalf("%s faults: %v", what, err)
	}
	if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, typedmem.ErrTruncated) || !strings.Contains(err.Error(), f.path) || !strings.Contains(err.Error(), "free some") {
		f.t.Fatalf("%s: %v", what, err)
	}
	f.full[what]++
	return false
}

func (f *onFull[T]) refused() (n int) {
	for _, k := range f.full {
		n += k
	}
	return n
}

func (f *onFull[T]) next() T { f.made++; return f.make(f.made) }

// insert makes an object in one of the ways there are.
func (f *onFull[T]) insert(c *slab.Cache[T]) bool {
	x := f.next()
	var h slab.Handle[T]
	ok := false
	switch f.made % 4 {
	case 0:
		var zero T
		x = zero
		ok = f.try("Alloc", func() (err error) { h, err = f.s.Alloc(); return err })
	case 1:
		ok = f.try("Cache.Insert", func() (err error) { h, err = c.Insert(x); return err })
	default:
		ok = f.try("Insert", func() (err error) { h, err = f.s.Insert(x); return err })
	}
	if ok {
		f.has[h] = x
	}
	return ok
}

// change stores to, updates or frees two of three objects, until it was refused a few dozen times:
// a full btrfs looks for space each time.
func (f *onFull[T]) change(c *slab.Cache[T]) {
	i, before := 0, f.refused()
	for h := range f.has {
		if f.refused() > before+40 {
			return
		}
		x := f.next()
		switch i++; i % 12 {
		case 0, 1, 2:
			if f.try("Store", func() error { return f.s.Store(h, x) }) {
				f.has[h] = x
			}
		case 3, 4, 5:
			if f.try("Update", func() error { return f.s.Update(h, func(p *T) { *p = x }) }) {
				f.has[h] = x
			}
		case 6, 7:
			free, what := f.s.Free, "Free"
			if i%2 == 0 {
				free, what = c.Free, "Cache.Free"
			}
			if f.try(what, func() error { return free(h) }) {
				delete(f.has, h)
				f.stale = append(f.stale, h)
			}
		}
	}
}

// check compares a slab with the objects that it must hold.
func (f *onFull[T]) check(what string, s *slab.Slab[T]) {
	f.t.Helper()
	if s.Len() != len(f.has) {
		f.t.Fatalf("%s: %d objects, %d were acknowledged", what, s.Len(), len(f.has))
	}
	for h, x := range f.has {
		if y, err := s.Load(h); err != nil || y != x {
			f.t.Fatalf("%s: %v holds %.60s, %v, not %.60s", what, h, fmt.Sprint(y), err, fmt.Sprint(x))
		}
	}
	for _, h := range f.stale {
		if s.Has(h) {
			f.t.Fatalf("%s: %v is there", what, h)
		}
	}
}

// reader checks what a reader of the file sees while the writer is open.
func (f *onFull[T]) reader(what string) {
	f.t.Helper()
	r := testkit.Must(slab.Open[T](f.path))(f.t)
	f.check(what, r)
	n := 0
	for h, x := range r.Values() {
		if n++; f.has[h] != x {
			f.t.Fatalf("%s: Values yields %v", what, h)
		}
	}
	if n != len(f.has) {
		f.t.Fatalf("%s: Values yields %d objects of %d", what, n, len(f.has))
	}
	if err := r.Close(); err != nil {
		f.t.Fatal(err)
	}
}

// forget has the system drop the pages of the file that are on the device.
func (f *onFull[T]) forget() {
	file := testkit.Must(os.Open(f.path))(f.t)
	if err := errors.Join(unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED), file.Close()); err != nil {
		f.t.Fatal(err)
	}
}

// Nothing that is called on a slab file faults because its disk is full, and nothing is lost that
// was acknowledged: whether the pages are new, were written back since, or are shared with a copy.
// What fails changes nothing, Close leaves the slab open, and once there is space all goes on.
func TestSlabFileOnAFullDisk(t *testing.T) {
	testenv.OnDisks(t, func(t *testing.T, kind, dir string) {
		t.Run("small", func(t *testing.T) {
			slabOnAFullDisk(t, dir, func(n uint64) [2]uint64 { return [2]uint64{n, ^n} })
		})
		if testing.Short() {
			return
		}
		t.Run("straddling", func(t *testing.T) {
			slabOnAFullDisk(t, dir, func(n uint64) (x [375]uint64) {
				for i := range x {
					x[i] = n
				}
				return x
			})
		})
	})
}

func slabOnAFullDisk[T comparable](t *testing.T, dir string, value func(n uint64) T) {
	for _, before := range []string{"new", "written back", "shared"} {
		t.Run(before, func(t *testing.T) {
			f := &onFull[T]{t: t, path: dir + "/s", make: value, has: map[slab.Handle[T]]T{}, full: map[string]int{}, done: map[string]int{}}
			capacity := min(1<<20, 256<<20/int(unsafe.Sizeof(value(0)))) // a 32-bit program has room for it
			f.s = testkit.Must(slab.Create[T](f.path, capacity))(t)
			defer os.Remove(f.path)
			defer os.Remove(f.path + ".copy")
			defer func() { _ = f.s.Close() }()
			c := f.s.Cache()
			defer c.Close()
			for range 1200 {
				f.insert(c)
			}
			f.change(c)
			if before != "new" {
				f.try("Sync", f.s.Sync)
				unix.Sync()
			}
			if before == "shared" {
				if out, err := exec.Command("cp", "--reflink=always", f.path, f.path+".copy").CombinedOutput(); err != nil {
					t.Skipf("no shared extents here: %s", out)
				}
				unix.Sync()
			}
			f.check("before", f.s)
			if len(f.full) > 0 {
				t.Fatalf("before the disk is full: %v", f.full)
			}
			room := testenv.Fill(t, dir)
			defer room()
			for round := range 3 {
				f.change(c)
				f.check("after the changes", f.s)
				for refused := 0; refused < 10; {
					if !f.insert(c) {
						refused++
					}
				}
				f.check("after the insertions", f.s)
				f.reader("beside the writer")
				if round == 0 {
					continue
				}
				f.try("Trim", func() error { _, err := f.s.Trim(); return err })
				f.try("Sync", f.s.Sync)
				unix.Sync() // the pages are written back
			}
			f.reader("after a Sync")
			var again *slab.Slab[T]
			open := !f.try("Close", f.s.Close)
			if open {
				f.check("after a Close that failed", f.s)
			} else if f.try("OpenMut", func() (err error) { again, err = slab.OpenMut[T](f.path); return err }) {
				f.s = again
				c = f.s.Cache()
				defer c.Close()
				f.check("after OpenMut on the full disk", f.s)
				f.change(c)
				f.check("after OpenMut on the full disk and changes", f.s)
				open = true
			}
			t.Logf("done %v, refused %v", f.done, f.full)
			room()
			clear(f.full)
			if open {
				for range 100 {
					f.insert(c)
				}
				f.change(c)
				f.check("with space again", f.s)
				f.try("Sync", f.s.Sync)
				f.try("Close", f.s.Close)
			}
			if len(f.full) > 0 {
				t.Errorf("with space again: %v", f.full)
			}
			f.reader("at the end")
			f.forget()
			f.reader("on the device")
		})
	}
}

// A file whose slots that were set aside are holes, as cp and tar make them of pages of zeros, is
// refused by OpenMut where the disk has no space for them, or the calls on it are.
func TestSparseSlabFileOnAFullDisk(t *testing.T) {
	testenv.FaultAddresses(t)
	testenv.OnDisks(t, func(t *testing.T, kind, dir string) {
		f := &onFull[[2]uint64]{t: t, path: dir + "/s", has: map[slab.Handle[[2]uint64]][2]uint64{}, full: map[string]int{}, done: map[string]int{}}
		f.make = func(n uint64) [2]uint64 { return [2]uint64{n, ^n} }
		f.s = testkit.Must(slab.Create[[2]uint64](f.path, 1<<20))(t)
		c := f.s.Cache()
		for range 4096 + 10 { // the words of what is set aside then begin a page
			f.insert(c)
		}
		f.try("Close", f.s.Close)
		file := testkit.Must(os.OpenFile(f.path, os.O_RDWR, 0))(t)
		size := testkit.Must(file.Stat())(t).Size()
		for at, n := range map[int64]int64{1<<16 + 4096*8 + 4096: 4096, size - 8192: 8192} {
			if err := unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, n); err != nil {
				t.Skip("no hole can be made here: ", err)
			}
		}
		file.Close()
		unix.Sync()
		room := testenv.Fill(t, dir)
		defer room()
		open := func() bool {
			return f.try("OpenMut", func() error {
				s, err := slab.OpenMut[[2]uint64](f.path)
				if err == nil {
					f.s = s
				}
				return err
			})
		}
		if kind == "tmpfs" { // where a read needs space too
			var r *slab.Slab[[2]uint64]
			err := typedmem.Guard(func() (err error) { r, err = slab.Open[[2]uint64](f.path); return err })
			if err == nil || !strings.Contains(err.Error(), "cannot be brought in") {
				t.Errorf("Open of a file with holes among its words: %v, %v", r, err)
			}
		}
		if open() {
			c = f.s.Cache()
			f.change(c)
			for f.refused() < 10 {
				f.insert(c)
			}
			f.check("on the full disk", f.s)
			_ = f.s.Close()
		}
		t.Logf("done %v, refused %v", f.done, f.full)
		room()
		clear(f.full)
		if open() {
			c = f.s.Cache()
			f.insert(c)
			f.change(c)
			f.try("Close", f.s.Close)
		}
		if len(f.full) > 0 {
			t.Errorf("with space again: %v", f.full)
		}
		f.reader("at the end")
	})
}

// A Salvage or Snapshot to a full disk leaves nothing there, and the damaged file is as it was.
func TestSavesOnAFullDisk(t *testing.T) {
	elsewhere := t.TempDir()
	whole := testkit.Must(slab.Create[[2]uint64](elsewhere+"/whole", 1<<20))(t)
	defer whole.Close()
	for i := range uint64(1 << 19) {
		testkit.Must(whole.Insert([2]uint64{i, 1}))(t)
	}
	testkit.Check(t, whole.Sync())
	damaged := elsewhere + "/damaged"
	all := testkit.Must(os.ReadFile(elsewhere + "/whole"))(t)
	testkit.Check(t, os.WriteFile(damaged, all[:len(all)-1<<20], 0o600))
	before := testkit.Must(os.ReadFile(damaged))(t)
	testenv.SavesFail(t, map[string]func(path string) error{
		"Salvage":     func(path string) error { _, _, err := slab.Salvage[[2]uint64](damaged, path); return err },
		"SalvageFile": func(path string) error { _, _, err := slab.SalvageFile(damaged, path); return err },
		"Snapshot":    func(path string) error { return whole.Snapshot(path) },
	}, func(t *testing.T, what string, err error) { testkit.Wants(t, what, err, syscall.ENOSPC, "free some") })
	if !bytes.Equal(testkit.Must(os.ReadFile(damaged))(t), before) {
		t.Error("the damaged file has changed")
	}
}
