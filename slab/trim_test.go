package slab_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/slab"
)

// trimmed fills slots that are no part of a page, frees those in the middle, and returns how many
// bytes Trim says it gave back and the slots' pages hold.
func trimmed(t *testing.T, o options.Options) (bytes, inside int) {
	t.Helper()
	const n, lo, hi = 40, 11, 29 // the slots [lo, hi) are freed
	type object [4000]byte
	s := testkit.Must(slab.Map[object](n, o))(t)
	defer s.Close()
	all := map[uintptr]slab.Handle[object]{}
	for range n {
		h := testkit.Must(s.Insert(object{0: 1, 3999: 1}))(t)
		all[uintptr(h.Uint64()&0xffffffff)] = h
	}
	for i := uintptr(lo); i < hi; i++ {
		if err := s.Free(all[i]); err != nil {
			t.Fatal(err)
		}
		delete(all, i)
	}
	bytes = testkit.Must(s.Trim())(t)
	for i, h := range all {
		if x := testkit.Must(s.Load(h))(t); x != (object{0: 1, 3999: 1}) {
			t.Fatalf("object %d has changed", i)
		}
	}
	base, page := s.Mapping().Addr(), uintptr(s.Mapping().PageSize())
	for p := base / page * page; p < base+n*4000; p += page {
		if p >= base+lo*4000 && p+page <= base+hi*4000 {
			inside += int(page)
		}
	}
	return bytes, inside
}

func TestTrimCountsWholePages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o666); err != nil {
		t.Fatal(err)
	}
	f := testkit.Must(os.OpenFile(path, os.O_RDWR, 0))(t)
	defer f.Close()
	options := map[string]options.Options{"memory": options.New(0)}
	for _, offset := range []int64{0, 8, 64, 2000, 4095, 4096, 65536 + 512} {
		options[fmt.Sprint("a file from byte ", offset)] = options["memory"].WithFile(f, offset).WithFlags(flags.Shared)
	}
	for name, o := range options {
		if bytes, inside := trimmed(t, o); bytes != inside || bytes == 0 {
			t.Errorf("%s: %d bytes, the pages of free slots have %d", name, bytes, inside)
		}
	}
}

// What the system does not give back is not counted.
func TestTrimOfMemoryThatStays(t *testing.T) {
	for name, o := range map[string]options.Options{
		"shared": options.New(0).WithFlags(flags.Shared),
		"locked": options.New(0).WithFlags(flags.Locked),
	} {
		t.Run(name, func(t *testing.T) {
			probe, err := options.New(40 * 4000).WithFlags(flags.Locked).MapMut()
			if err != nil && name == "locked" {
				t.Skip("this account may not lock 160,000 bytes of memory: ", err)
			}
			if err == nil {
				_ = probe.Close()
			}
			bytes, inside := trimmed(t, o)
			if bytes == inside && name == "locked" {
				t.Skip("this system gives locked pages back")
			}
			if bytes != 0 {
				t.Errorf("%d bytes of %d", bytes, inside)
			}
		})
	}
}

// A slab whose mapping was cut in two drops nothing of the part that it has no more.
func TestTrimAfterACutLeavesTheOtherPartAlone(t *testing.T) {
	type object [4096]byte
	s := newSlab[object](t, 64)
	var all []slab.Handle[object]
	for range 64 {
		all = append(all, testkit.Must(s.Insert(object{7}))(t))
	}
	const at = 32 * 4096
	left := testkit.Must(s.Mapping().SplitTo(at))(t)
	defer left.Close()
	for _, h := range all {
		_ = s.Free(h) // those of the right part are out of reach
	}
	if bytes, err := s.Trim(); err != nil || bytes > at {
		t.Errorf("%d bytes of %d, %v", bytes, at, err)
	}
	for i, right := 0, s.Mapping().Bytes(); i < len(right); i += 4096 {
		if right[i] != 7 {
			t.Fatalf("byte %d of the right part is %d", i, right[i])
		}
	}
}

// The kernel fills what Trim gave back where huge pages were asked for: nobody asks for them but
// the caller.
func TestSlotsAskForNoHugePages(t *testing.T) {
	s := newSlab[[4096]byte](t, 16<<20>>12)
	testkit.Must(s.Alloc())(t)
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells it, in /proc/self/smaps")
	}
	text := testkit.Must(os.ReadFile("/proc/self/smaps"))(t)
	in := false
	for line := range strings.Lines(string(text)) {
		var lo, hi uintptr
		if n, _ := fmt.Sscanf(line, "%x-%x ", &lo, &hi); n == 2 {
			in = lo <= s.Mapping().Addr() && s.Mapping().Addr() < hi
		}
		if in && strings.HasPrefix(line, "VmFlags:") && strings.Contains(line, " hg") {
			t.Error(line)
		}
	}
}
