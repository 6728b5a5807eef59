package typedmem_test

import (
	"os"
	"strings"
	"testing"
)

// resources are what the process holds of the system: its areas and its open files.
type resources struct {
	areas, files map[string]bool
}

func process(t testing.TB) resources {
	t.Helper()
	r := resources{map[string]bool{}, map[string]bool{}}
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "[heap]") && !strings.Contains(line, "[stack]") && !strings.HasPrefix(line, "c0") {
			r.areas[line] = true
		}
	}
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range dir {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && !strings.HasPrefix(target, "/proc/") {
			r.files[fd.Name()+" "+target] = true
		}
	}
	return r
}

// differs lists what only one of them holds.
func (r resources) differs(now resources) string {
	var diff []string
	for sign, pair := range map[string][2]map[string]bool{"+": {now.areas, r.areas}, "-": {r.areas, now.areas}, "+fd ": {now.files, r.files}, "-fd ": {r.files, now.files}} {
		for line := range pair[0] {
			if !pair[1][line] {
				diff = append(diff, sign+strings.TrimSpace(line))
			}
		}
	}
	return strings.Join(diff, "\n")
}

// refusedHere reports an error that only this system gives. Linux has no such error.
func refusedHere(error) bool { return false }
