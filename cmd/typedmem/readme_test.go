package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the README shows is what the commands print.
func TestReadmeShowsTheOutput(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(start, "..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(string(b), "\r\n", "\n")
	_, shown, ok := strings.Cut(page, "```console\n$ ")
	shown, _, closed := strings.Cut(shown, "```")
	if !ok || !closed {
		t.Fatal("the README shows no session")
	}
	t.Chdir(t.TempDir())
	for _, step := range strings.Split(shown, "\n$ ") {
		line, want, _ := strings.Cut(strings.TrimSuffix(step, "\n"), "\n")
		if file, ok := strings.CutPrefix(line, "cat "); ok {
			write(t, file, want+"\n")
			continue
		}
		args, ok := strings.CutPrefix(line, "typedmem ")
		if !ok {
			t.Fatalf("%q is no command of the tool", line)
		}
		var out bytes.Buffer
		status := run(context.Background(), words(args), nil, &out, &out)
		if got := strings.TrimSuffix(out.String(), "\n"); status != 0 || got != want {
			t.Errorf("%s: exit status %d, it prints\n%s\nwhere the README has\n%s", line, status, got, want)
		}
	}
	golden, err := os.ReadFile(filepath.Join(start, "testdata", "top.golden"))
	if err != nil {
		t.Fatal(err)
	}
	_, top, _ := strings.Cut(page, "$ typedmem top --once -n 2 4711\n")
	top, _, _ = strings.Cut(top, "```")
	if top == "" || !strings.Contains(strings.ReplaceAll(string(golden), "\r\n", "\n"), top) {
		t.Errorf("the README shows a top that is not in top.golden:\n%s", top)
	}
}
