package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	inFiles(t)
	golden(t, "check", session(t, "check ticks.tm", "check rows.tm empty.tm orders.tm names.tm", "check -q ticks.tm",
		"check cut.tm", "check damaged.tm ticks.tm", "check -q damaged.tm ticks.tm", "check foreign.tm", "check nothing.tm",
		"check missing.tm ticks.tm", "check folder", "check", "check -h"))
}

// A pipe that nobody writes to does not hold the command up.
func TestAPipeIsRefused(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if out, err := exec.Command("mkfifo", pipe).CombinedOutput(); err != nil {
		t.Skipf("no pipe can be made: %v: %s", err, out)
	}
	for _, line := range []string{"check " + pipe, "import --as csv " + pipe + " new.tm"} {
		if out := session(t, line); !strings.Contains(out, "no regular file") {
			t.Errorf("%s: %s", line, out)
		}
	}
}
