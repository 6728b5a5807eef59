package sys

import (
	"strconv"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/flags"
)

func TestParseMapsLine(t *testing.T) {
	area := func(start, end uintptr, p flags.Protection) Area {
		return Area{AllocationBase: start, Start: start, End: end, Protection: p}
	}
	with := func(a Area, change func(*Area)) Area { change(&a); return a }
	const rw = flags.Read | flags.Write
	for _, c := range []struct {
		line string
		want Area
	}{
		{"00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon",
			with(area(0x400000, 0x452000, flags.Read|flags.Execute), func(a *Area) { a.Path, a.inode = "/usr/bin/dbus-daemon", 173521 })},
		{"00e03000-00e24000 rw-p 00000000 00:00 0           [heap]",
			with(area(0xe03000, 0xe24000, rw), func(a *Area) { a.Label = "[heap]" })},
		{"35b18000-35b38000 ---s 00020000 08:02 135522  /usr/lib64/ld-2.15.so",
			with(area(0x35b18000, 0x35b38000, 0), func(a *Area) {
				a.Path, a.inode, a.Offset, a.Shared = "/usr/lib64/ld-2.15.so", 135522, 0x20000, true
			})},
		{"00010000-00011000 rwxp 00000000 00:00 0", area(0x10000, 0x11000, rw|flags.Execute)},
		{"00010000-00011000 rw-p 00000000 00:00 0 ", area(0x10000, 0x11000, rw)},
		{"00010000-00011000 r--p 00001000 103:fffff 77 /a device with a minor past eight bits",
			with(area(0x10000, 0x11000, flags.Read), func(a *Area) {
				a.Path, a.inode, a.Offset = "/a device with a minor past eight bits", 77, 0x1000
			})},
		{`00010000-00011000 r--p 00000000 08:02 5   /new\012line`,
			with(area(0x10000, 0x11000, flags.Read), func(a *Area) { a.Path, a.inode = "/new\nline", 5 })},
		{`00010000-00011000 r--p 00000000 08:02 5   /back\slash`,
			with(area(0x10000, 0x11000, flags.Read), func(a *Area) { a.Path, a.inode = `/back\slash`, 5 })},
		{"00010000-00011000 r--p 00000000 08:02 5   /gone (deleted)",
			with(area(0x10000, 0x11000, flags.Read), func(a *Area) { a.Path, a.inode, a.Deleted = "/gone", 5, true })},
		{"00010000-00011000 r--p 00000000 08:02 5   /odd (deleted) (deleted)",
			with(area(0x10000, 0x11000, flags.Read), func(a *Area) { a.Path, a.inode, a.Deleted = "/odd (deleted)", 5, true })},
		{"00010000-00011000 rw-s 00003000 00:01 9   /dev/zero (deleted)",
			with(area(0x10000, 0x11000, rw), func(a *Area) { a.Label, a.Shared = "/dev/zero", true })},
		{"00010000-00011000 rw-s 00000000 00:0f 9   /anon_hugepage (deleted)",
			with(area(0x10000, 0x11000, rw), func(a *Area) { a.Label, a.Shared = "/anon_hugepage", true })},
		{"00010000-00011000 rw-s 00000000 00:01 9   /SYSV00000000 (deleted)",
			with(area(0x10000, 0x11000, rw), func(a *Area) { a.Label, a.Shared = "/SYSV00000000", true })},
		{"00010000-00011000 rw-s 00000000 00:01 9   /memfd:name (deleted)",
			with(area(0x10000, 0x11000, rw), func(a *Area) { a.Path, a.inode, a.Deleted, a.Shared = "/memfd:name", 9, true, true })},
		{"00010000-00011000 r-xp 00000000 00:00 0   [vdso]",
			with(area(0x10000, 0x11000, flags.Read|flags.Execute), func(a *Area) { a.Label = "[vdso]" })},
		{"00010000-00011000 rw-p 00000000 00:00 0   [anon:a name with spaces]",
			with(area(0x10000, 0x11000, rw), func(a *Area) { a.Label = "[anon:a name with spaces]" })},
		{"00010000-00011000 rw-p 7fffffffffff0000 08:02 18446744073709551615 /x",
			with(area(0x10000, 0x11000, rw), func(a *Area) { a.Path, a.inode, a.Offset = "/x", 1<<64-1, 0x7fffffffffff0000 })},
	} {
		got, err := ParseMapsLine(c.line)
		if err != nil || got != c.want {
			t.Errorf("%s\ngot  %+v, %v\nwant %+v", c.line, got, err, c.want)
		}
	}
}

// A line that does not parse is an error that shows the line and what it lacks.
func TestUnparsableLineIsAnError(t *testing.T) {
	for line, lacks := range map[string]string{
		"":                                  "start address",
		"nothing":                           "start address",
		"10000":                             "end address",
		"10000-":                            "end address",
		"10000-x r--p 00000000 00:00 0":     "end address",
		"20000-10000 r--p 00000000 00:00 0": "end address",
		"10000-fffffffffffffffff r--p 00000000 00:00 0": "end address",
		"10000-20000":                                          "permissions",
		"10000-20000 r--":                                      "permissions",
		"10000-20000 rwxz 00000000 00:00 0":                    "permissions",
		"10000-20000 -r-p 00000000 00:00 0":                    "permissions",
		"10000-20000 r--p":                                     "offset",
		"10000-20000 r--p xyz 00:00 0":                         "offset",
		"10000-20000 r--p 00000000":                            "device major",
		"10000-20000 r--p 00000000 xx:00 0":                    "device major",
		"10000-20000 r--p 00000000 00 0":                       "device minor",
		"10000-20000 r--p 00000000 00:yy 0":                    "device minor",
		"10000-20000 r--p 00000000 00:123456789 0":             "device minor",
		"10000-20000 r--p 00000000 00:00":                      "inode",
		"10000-20000 r--p 00000000 00:00 x /name":              "inode",
		"10000-20000 r--p 00000000 00:00 -1 /name":             "inode",
		"+10000-20000 r--p 00000000 00:00 0":                   "start address",
		"10000-20000 r--p 00000000 00:00 0x1 /name":            "inode",
		"10000-20000 r--p 00000000 00:00 18446744073709551616": "inode",
	} {
		a, err := ParseMapsLine(line)
		if err == nil || !strings.Contains(err.Error(), lacks) || !strings.Contains(err.Error(), strconv.Quote(line)) {
			t.Errorf("%q: %v; want a word about the %s", line, err, lacks)
		}
		if a != (Area{}) {
			t.Errorf("%q: an error and %+v", line, a)
		}
	}
}
