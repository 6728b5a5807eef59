package typedmem_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// mapAndReserve are the pairs of terminal methods that ask for the same memory, now or at Commit.
var mapAndReserve = []struct {
	name         string
	now, reserve func(options.Options) (*typedmem.Mapping, error)
}{
	{"None", options.Options.MapNone, options.Options.ReserveNone},
	{"read-only", options.Options.Map, options.Options.Reserve},
	{"Mut", options.Options.MapMut, options.Options.ReserveMut},
	{"Exec", options.Options.MapExec, options.Options.ReserveExec},
	{"ExecMut", options.Options.MapExecMut, options.Options.ReserveExecMut},
}

// TestReserveRefusesWhatMapRefuses: a terminal method checks everything once, so a range that could
// never be committed is refused when it is reserved, with the same words.
func TestReserveRefusesWhatMapRefuses(t *testing.T) {
	testenv.PartialPages(t)
	path := testkit.File(t, pattern(2*unit)).Name()
	open := func(path string, mode int) *os.File {
		f := testkit.Must(os.OpenFile(path, mode, 0))(t)
		t.Cleanup(func() { f.Close() })
		return f
	}
	r, w, err := os.Pipe()
	testkit.Check(t, err, "Pipe")
	t.Cleanup(func() { r.Close(); w.Close() })
	requests := map[string]struct {
		o    options.Options
		want error // of all that are refused, nil for any
		says string
	}{
		"a write-only file":                 {options.New(unit).WithFile(open(path, os.O_WRONLY), 0), nil, "writing only"},
		"a read-only file, shared":          {options.New(unit).WithFile(open(path, os.O_RDONLY), 0).WithFlags(flags.Shared), nil, "reading only"},
		"a pipe":                            {options.New(unit).WithFile(r, 0), typedmem.ErrOperation, "a pipe"},
		"a page size that no kernel has":    {options.New(unit).WithPageSize(13), errors.ErrUnsupported, ""},
		"huge pages, more than the machine": {options.New(1 << 30).WithFlags(flags.HugePages), nil, ""},
	}
	if runtime.GOOS != "windows" { // which opens no directory as a file
		requests["a directory"] = struct {
			o    options.Options
			want error
			says string
		}{options.New(unit).WithFile(open(filepath.Dir(path), os.O_RDONLY), 0), typedmem.ErrOperation, "a directory"}
	}
	if runtime.GOOS == "linux" && testenv.Emulator() == "" {
		requests["a file of procfs"] = struct {
			o    options.Options
			want error
			says string
		}{options.New(unit).WithFile(open("/proc/version", os.O_RDONLY), 0), typedmem.ErrOperation, "makes up"}
	}
	for name, q := range requests {
		for _, m := range mapAndReserve {
			o := q.o
			if m.name == "ExecMut" {
				o = o.WithUnsafeFlags(flags.JIT)
			}
			mapped, err := m.now(o)
			reserved, later := m.reserve(o)
			for _, m := range []*typedmem.Mapping{mapped, reserved} {
				if m != nil {
					testkit.Check(t, m.Close(), "Close")
				}
			}
			// Windows reserves and commits huge pages in one step: Reserve always says so. qemu's
			// user mode has errors of its own.
			own := (runtime.GOOS == "windows" || testenv.Emulator() != "") && strings.HasPrefix(name, "huge pages")
			same := err == nil && later == nil || err != nil && later != nil && err.Error() == later.Error()
			if !same && !(own && err != nil && later != nil) {
				t.Errorf("%s, %s: Map: %v; Reserve: %v", name, m.name, err, later)
			}
			if err != nil && (q.want != nil && !errors.Is(err, q.want) || runtime.GOOS == "linux" && !strings.Contains(err.Error(), q.says)) {
				t.Errorf("%s, %s: %v: want %v, %q", name, m.name, err, q.want, q.says)
			}
		}
	}
}

// TestLockedPastTheEndOfAFile: Map and Commit say ErrTruncated, as Lock does.
func TestLockedPastTheEndOfAFile(t *testing.T) {
	o := options.New(3*unit).WithFile(testkit.File(t, pattern(unit)), 0).WithFlags(flags.Locked)
	if runtime.GOOS == "windows" {
		t.Skip("windows maps nothing past the end of a file")
	}
	testenv.Differs(t, map[string]string{"qemu-user": "memory past the end of a file can be locked"})
	m, err := o.Map()
	testkit.Wants(t, "Map", err, typedmem.ErrTruncated)
	if err == nil {
		testkit.Check(t, m.Close(), "Close")
	}
	m = testkit.Must(o.Reserve())(t)
	testkit.CloseLater(t, m)
	testkit.Wants(t, "Commit", m.Commit(), typedmem.ErrTruncated)
}

// TestDroppingLockedMemorySaysSo: the system says only that an argument is not valid.
func TestDroppingLockedMemorySaysSo(t *testing.T) {
	if runtime.GOOS != "linux" || testenv.Emulator() != "" {
		t.Skip("only Linux refuses to drop locked memory")
	}
	m := mapMut(t, options.New(unit))
	if err := m.Lock(); err != nil {
		t.Skip("memory cannot be locked: ", err)
	}
	err := m.Advise(0, unit, flags.DontNeed)
	testkit.Wants(t, "Advise", err, typedmem.ErrOperation)
	if err != nil && !strings.Contains(err.Error(), "Unlock") {
		t.Error(err)
	}
}
