package sys

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/typedmem/typedmem/flags"
)

// ParseMapsLine parses one line of /proc/PID/maps (proc_pid_maps(5)), without its newline:
//
//	START-END PERMS OFFSET MAJOR:MINOR INODE [spaces NAME]
//
// It works on every system.
func ParseMapsLine(line string) (Area, error) {
	bad := func(what string) (Area, error) {
		return Area{}, fmt.Errorf("a line of a maps file has no %s: %q", what, line)
	}
	addresses, rest, _ := strings.Cut(line, " ")
	first, last, _ := strings.Cut(addresses, "-")
	start, err := strconv.ParseUint(first, 16, strconv.IntSize)
	if err != nil {
		return bad("start address")
	}
	end, err := strconv.ParseUint(last, 16, strconv.IntSize)
	if err != nil || end <= start {
		return bad("end address")
	}
	perms, rest, _ := strings.Cut(rest, " ")
	if len(perms) != 4 || !oneOf(perms[0], "r-") || !oneOf(perms[1], "w-") || !oneOf(perms[2], "x-") || !oneOf(perms[3], "spSP") {
		return bad("permissions")
	}
	offset, rest, _ := strings.Cut(rest, " ")
	off, err := strconv.ParseUint(offset, 16, 64)
	if err != nil {
		return bad("offset")
	}
	device, rest, _ := strings.Cut(rest, " ")
	major, minor, _ := strings.Cut(device, ":")
	if _, err := strconv.ParseUint(major, 16, 32); err != nil {
		return bad("device major")
	}
	if _, err := strconv.ParseUint(minor, 16, 32); err != nil { // the kernel prints up to 20 bits
		return bad("device minor")
	}
	number, name, _ := strings.Cut(rest, " ")
	inode, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return bad("inode")
	}
	a := Area{
		AllocationBase: uintptr(start),
		Start:          uintptr(start),
		End:            uintptr(end),
		Protection:     protOf(perms[0] == 'r', perms[1] == 'w', perms[2] == 'x'),
		Shared:         perms[3] == 's' || perms[3] == 'S',
		Offset:         int64(off),
	}
	a.setName(unescape(strings.TrimLeft(name, " ")), inode)
	return a, nil
}

func oneOf(c byte, set string) bool { return strings.IndexByte(set, c) >= 0 }

// setName stores a name of the kernel's as Path or Label. An area with an inode shows a file,
// unless the kernel made that file itself: to share memory, or to have something to map.
func (a *Area) setName(name string, inode uint64) {
	path, deleted := strings.CutSuffix(name, " (deleted)")
	switch {
	case inode == 0 || !strings.HasPrefix(path, "/"):
		a.Label, a.Offset = name, 0
	case deleted && memoryName(path):
		a.Label, a.Offset = path, 0
	default:
		a.Path, a.Deleted, a.inode = path, deleted, inode
	}
}

// memoryName reports whether the kernel gives this name to memory without a file: shared anonymous
// memory, huge pages, System V segments or asynchronous I/O.
func memoryName(path string) bool {
	return path == "/dev/zero" || path == "/anon_hugepage" || path == "/[aio]" || strings.HasPrefix(path, "/SYSV")
}

// unescape turns each \012 in a name into a newline. The kernel escapes no other character, not
// even a backslash.
func unescape(name string) string { return strings.ReplaceAll(name, `\012`, "\n") }

func protOf(r, w, x bool) flags.Protection {
	var p flags.Protection
	if r {
		p |= flags.Read
	}
	if w {
		p |= flags.Write
	}
	if x {
		p |= flags.Execute
	}
	return p
}
