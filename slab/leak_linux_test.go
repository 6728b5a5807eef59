package slab_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/slab"
)

// resources lists what the process has of the system: its areas, but for those of Go's own memory,
// and its open files. Addresses that are only set aside are a list of their own: those of a mapping
// that was closed stay so until nothing refers to it.
func resources(t *testing.T) (used, aside []string) {
	t.Helper()
	for line := range strings.Lines(string(testkit.Must(os.ReadFile("/proc/self/maps"))(t))) {
		switch {
		case strings.Contains(line, "[heap]") || strings.Contains(line, "[stack]") || strings.Contains(line, "[anon: Go") || strings.HasPrefix(line, "c0"):
		case strings.Contains(line, " ---"):
			aside = append(aside, strings.TrimSpace(line))
		default:
			used = append(used, strings.TrimSpace(line))
		}
	}
	for _, fd := range testkit.Must(os.ReadDir("/proc/self/fd"))(t) {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && !strings.HasPrefix(target, "/proc/") {
			used = append(used, "file "+fd.Name()+" "+target)
		}
	}
	return used, aside
}

// leavesNothing calls f many times while the collector, which would close what was forgotten, is
// off, and then lets it run. Go maps memory of its own now and then: what f leaves, it leaves
// in every attempt.
func leavesNothing(t *testing.T, times int, f func()) {
	t.Helper()
	if raceBuild {
		t.Skip("the race detector maps memory of its own as objects are made")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	f()
	var warm string
	for range 10 {
		var before, after, aside, stays []string
		for range 2 { // cleanups run after the collection that finds them
			runtime.GC()
			runtime.Gosched()
		}
		before, aside = resources(t)
		for range times {
			f()
		}
		if after, _ = resources(t); !slices.Equal(before, after) {
			warm = unlike(before, after)
			continue
		}
		for range 100 {
			runtime.GC()
			if _, stays = resources(t); slices.Equal(aside, stays) {
				return
			}
			time.Sleep(time.Millisecond)
		}
		warm = unlike(aside, stays)
	}
	t.Error(warm)
}

// unlike tells some of what only one of two lists has.
func unlike(before, after []string) string {
	var diff []string
	for sign, pair := range map[string][2][]string{"new: ": {after, before}, "gone: ": {before, after}} {
		for _, line := range pair[0] {
			if !slices.Contains(pair[1], line) && len(diff) < 20 {
				diff = append(diff, sign+line)
			}
		}
	}
	return strings.Join(diff, "\n")
}

// constructors make slabs of each kind for 1000 objects; those of files need the name of one that
// is there, or of none where fresh.
var constructors = []struct {
	name  string
	fresh bool
	make  func(path string) (*slab.Slab[rec], error)
}{
	{"New", false, func(string) (*slab.Slab[rec], error) { return slab.New[rec](1000) }},
	{"Map", false, func(string) (*slab.Slab[rec], error) { return slab.Map[rec](1000, options.New(0).WithCapacity(1<<22)) }},
	{"Debug", false, func(string) (*slab.Slab[rec], error) { return slab.With[rec](1000, slab.Config{Debug: true}) }},
	{"GuardEvery", false, func(string) (*slab.Slab[rec], error) { return slab.With[rec](1000, slab.Config{GuardEvery: 1}) }},
	{"Debug and GuardEvery", false, func(string) (*slab.Slab[rec], error) {
		return slab.With[rec](1000, slab.Config{Debug: true, GuardEvery: 2})
	}},
	{"Create", true, func(path string) (*slab.Slab[rec], error) { return slab.Create[rec](path, 1000) }},
	{"OpenFile", true, func(path string) (*slab.Slab[rec], error) {
		return slab.OpenFile[rec](path, slab.FileOptions{Write: true, Create: true, Capacity: 1000, Debug: true})
	}},
	{"Open", false, slab.Open[rec]},
	{"OpenMut", false, slab.OpenMut[rec]},
}

func TestCloseLeavesNothing(t *testing.T) {
	for _, c := range constructors {
		for _, mapping := range []bool{false, true} {
			name := c.name
			if mapping {
				name += ", the mapping first"
			}
			t.Run(name, func(t *testing.T) {
				path := filepath.Join(testkit.FastDir(t), "s")
				if !c.fresh {
					fileOf(t, path, 300)
				}
				leavesNothing(t, 200, func() {
					s := testkit.Must(c.make(path))(t)
					var all []slab.Handle[rec]
					for i := range 20 {
						h, err := s.Insert(rec{uint64(i), 1})
						if c.name == "Open" {
							testkit.Is(t, err, typedmem.ErrProtection)
							break
						}
						all = append(all, testkit.Must(h, err)(t))
					}
					for _, h := range all {
						if err := s.Free(h); err != nil {
							t.Fatal(err)
						}
					}
					if mapping {
						if err := s.Mapping().Close(); err != nil {
							t.Fatal(err)
						}
						testkit.Is(t, s.Close(), typedmem.ErrClosed)
					} else if err := s.Close(); err != nil {
						t.Fatal(err)
					}
					if c.fresh {
						if err := os.Remove(path); err != nil {
							t.Fatal(err)
						}
					}
				})
			})
		}
	}
}

var errDidNot = errors.New("the constructor did not fail")

// Constructors that fail, early or with some of the memory mapped already, leave nothing mapped or
// open.
func TestConstructorsThatFailLeaveNothing(t *testing.T) {
	dir := testkit.FastDir(t)
	good, bad, short := filepath.Join(dir, "good"), filepath.Join(dir, "bad"), filepath.Join(dir, "short")
	fileOf(t, good, 300)
	image := testkit.Must(os.ReadFile(good))(t)
	if err := os.WriteFile(short, image[:len(image)-os.Getpagesize()], 0o666); err != nil {
		t.Fatal(err)
	}
	image[65536+100] ^= 4 // a word
	if err := os.WriteFile(bad, image, 0o666); err != nil {
		t.Fatal(err)
	}
	type huge = [1 << 23]rec
	const many = 1 << 23 // a pebibyte of them
	ends := func(s interface{ Close() error }, err error) error {
		if err == nil && s.Close() == nil {
			return errDidNot
		}
		return err
	}
	for name, c := range map[string]struct {
		make func() error
		want error
	}{
		"New, too large":         {func() error { return ends(slab.New[huge](many)) }, nil},
		"Debug, too large":       {func() error { return ends(slab.With[huge](many, slab.Config{Debug: true})) }, nil},
		"GuardEvery, a bad size": {func() error { return ends(slab.With[rec](100, slab.Config{GuardEvery: 1, Options: options.New(-1)})) }, typedmem.ErrSize},
		"Map, a bad size":        {func() error { return ends(slab.Map[rec](100, options.New(-1))) }, typedmem.ErrSize},
		"Map, a bad address":     {func() error { return ends(slab.Map[rec](100, options.New(0).WithAddress(12345))) }, typedmem.ErrOffset},
		"GuardEvery, a bad address": {func() error {
			return ends(slab.With[rec](100, slab.Config{Debug: true, GuardEvery: 1, Options: options.New(0).WithAddress(12345)}))
		}, typedmem.ErrOffset},
		"Create, too large": {func() error { return ends(slab.Create[huge](filepath.Join(dir, "s"), many)) }, nil},
		"Create, a file":    {func() error { return ends(slab.Create[rec](good, 100)) }, os.ErrExist},
		"OpenFile, a new one without capacity": {func() error {
			return ends(slab.OpenFile[rec](filepath.Join(dir, "s"), slab.FileOptions{Write: true, Create: true}))
		}, typedmem.ErrSize},
		"OpenFile, huge pages": {func() error {
			return ends(slab.OpenFile[rec](good, slab.FileOptions{Write: true, Flags: flags.HugePages}))
		}, typedmem.ErrOperation},
		"OpenFile, another capacity": {func() error { return ends(slab.OpenFile[rec](good, slab.FileOptions{Write: true, Capacity: 7})) }, typedmem.ErrLayout},
		"Open, another type":         {func() error { return ends(slab.Open[[3]rec](good)) }, typedmem.ErrLayout},
		"Open, damaged":              {func() error { return ends(slab.Open[rec](bad)) }, typedmem.ErrCorrupt},
		"Open, cut off":              {func() error { return ends(slab.Open[rec](short)) }, typedmem.ErrTruncated},
		"OpenMut, damaged":           {func() error { return ends(slab.OpenMut[rec](bad)) }, typedmem.ErrCorrupt},
		"OpenMut, cut off":           {func() error { return ends(slab.OpenMut[rec](short)) }, typedmem.ErrTruncated},
		"OpenMut, other type":        {func() error { return ends(slab.OpenMut[[3]rec](good)) }, typedmem.ErrLayout},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.make()
			if err == errDidNot && c.want == nil {
				t.Skip("this system sets a pebibyte aside")
			}
			if err == errDidNot || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("the error is %v, want %v", err, c.want)
			}
			times := 200
			if c.want == nil { // before it fails, memory that the collector may find is waited for
				times = 10
			}
			leavesNothing(t, times, func() { _ = c.make() })
		})
	}
	t.Run("OpenMut, busy", func(t *testing.T) {
		s := testkit.Must(slab.OpenMut[rec](good))(t)
		defer s.Close()
		leavesNothing(t, 200, func() { testkit.Is(t, ends(slab.OpenMut[rec](good)), typedmem.ErrBusy) })
	})
	if _, err := os.Stat(filepath.Join(dir, "s")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}
