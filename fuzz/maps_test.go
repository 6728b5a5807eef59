package fuzz

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
)

// A line of a maps file is parsed or refused; what was parsed, written as the kernel writes it, is
// parsed to the same.
func FuzzMapsLine(f *testing.F) {
	for _, line := range []string{
		"",
		"00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon",
		"00e03000-00e24000 rw-p 00000000 00:00 0           [heap]",
		"35b18000-35b38000 ---s 00020000 103:fffff 135522  /usr/lib64/ld-2.15.so (deleted)",
		`00010000-00011000 rwxp 00001000 08:02 5           /new\012line`,
		"00010000-00011000 rw-s 00003000 00:01 9           /dev/zero (deleted)",
		"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
		"10000-20000 r--p 00000000 00:00 18446744073709551616",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		a, err := sys.ParseMapsLine(line)
		if err != nil {
			if a != (sys.Area{}) || !strings.Contains(err.Error(), strconv.Quote(line)) {
				t.Fatalf("%q: %+v, %v", line, a, err)
			}
			return
		}
		if a.End <= a.Start || a.AllocationBase != a.Start || a.Protection > flags.Read|flags.Write|flags.Execute {
			t.Fatalf("%q: %+v", line, a)
		}
		if a.Path != "" && a.Label != "" || a.Deleted && a.Path == "" || a.Label != "" && a.Offset != 0 {
			t.Fatalf("%q: %+v", line, a)
		}
		again, err := sys.ParseMapsLine(render(a))
		if err != nil {
			t.Fatalf("%q, written as %q: %v", line, render(a), err)
		}
		if render(again) != render(a) {
			t.Fatalf("%q became %q", render(a), render(again))
		}
	})
}

// render writes an area as the kernel does.
func render(a sys.Area) string {
	perms := []byte("---p")
	for i, p := range []flags.Protection{flags.Read, flags.Write, flags.Execute} {
		if a.Protection.Has(p) {
			perms[i] = "rwx"[i]
		}
	}
	if a.Shared {
		perms[3] = 's'
	}
	name, inode := a.Path, 7
	switch {
	case a.Deleted:
		name += " (deleted)"
	case a.Path == "":
		name, inode = a.Label, 0
	}
	return fmt.Sprintf("%08x-%08x %s %08x 08:02 %d    %s", a.Start, a.End, perms, uint64(a.Offset), inode, strings.ReplaceAll(name, "\n", `\012`))
}
