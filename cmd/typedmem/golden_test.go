package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// golden compares the text with testdata/NAME.golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join(start, "testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	was := strings.Split(strings.ReplaceAll(string(want), "\r\n", "\n"), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(was) || line != was[i] {
			before := strings.Join(was[i:min(i+3, len(was))], "\n")
			after := strings.Join(strings.Split(got, "\n")[i:][:min(3, strings.Count(got, "\n")+1-i)], "\n")
			t.Errorf("%s.golden differs from line %d on; after a change that is meant: go test -update .\nIt has\n%s\nThe output is\n%s", name, i+1, before, after)
			return
		}
	}
	if n := strings.Count(got, "\n") + 1; n < len(was) {
		t.Errorf("%s.golden has %d lines, the output has %d", name, len(was), n)
	}
}

// start is the folder of the package: tests may run in others.
var start = func() string {
	dir, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	return dir
}()

// session runs command lines and returns what a terminal would show.
func session(t *testing.T, lines ...string) string {
	t.Helper()
	var screen strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&screen, "$ typedmem %s\n", line)
		var both bytes.Buffer
		status := run(context.Background(), words(line), strings.NewReader(""), &both, &both)
		screen.WriteString(sameEverywhere(both.String()))
		if status != 0 {
			fmt.Fprintf(&screen, "[exit status %d]\n", status)
		}
		screen.WriteString("\n")
	}
	return screen.String()
}

// words cuts a line at its spaces; what is in single quotes stays together.
func words(line string) (args []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			args = append(args, part)
		} else {
			args = append(args, strings.Fields(part)...)
		}
	}
	return args
}

var handles = regexp.MustCompile(`\b[0-9a-f]{16}\b`)

// sameEverywhere replaces handles, which differ each time, and the texts of Windows' errors by
// those of other systems.
func sameEverywhere(s string) string {
	s = handles.ReplaceAllString(s, "0123456789abcdef")
	return strings.NewReplacer(
		"The system cannot find the file specified.", "no such file or directory",
		"The system cannot find the path specified.", "no such file or directory",
		"File not found.", "no such file or directory",
		"Path not found.", "no such file or directory",
		"create no/", "open no/",
		"The file exists.", "file exists",
		"File exists.", "file exists",
		"GetFileAttributesEx ", "stat ",
		"CreateFile ", "open ",
	).Replace(s)
}

func TestWrongCommandLines(t *testing.T) {
	golden(t, "wrong", session(t, "help nothing", "help cats", "aras 1", "nothing", "areas", "areas 1 2", "areas --nothing 1", "areas --format xml 1", "-h"))
}

func TestOneDashIsTwo(t *testing.T) {
	got := strings.Join(twoDashes([]string{"-format=csv", "-n", "5", "-n5", "--once", "-", "-f=csv", "a-b", "--", "-files"}), " ")
	if want := "--format=csv -n 5 -n5 --once - -f=csv a-b -- -files"; got != want {
		t.Errorf("%s instead of %s", got, want)
	}
}
