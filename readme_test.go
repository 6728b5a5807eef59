package typedmem_test

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
)

// The program in the README runs, and runs again over the file that it left.
func TestReadmeRunsTwice(t *testing.T) {
	tool := testenv.GoTool(t)
	text, err := os.ReadFile("README.md")
	testkit.Check(t, err, "README.md")
	_, program, _ := strings.Cut(string(text), "```go\n")
	program, _, _ = strings.Cut(program, "```")
	dir := t.TempDir()
	source, built := filepath.Join(dir, "main.go"), filepath.Join(dir, "readme.exe")
	testkit.Check(t, os.WriteFile(source, []byte(program), 0o600), "a file")
	for _, args := range [][]string{{"vet", source}, {"build", "-o", built, source}} {
		if out, err := osexec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	for _, want := range []string{
		"2 ticks; the second at 11\nmean 10.75\n<nil> false\n",
		"4 ticks; the second at 11\nmean 10.75\n<nil> false\n",
	} {
		run := osexec.Command(built)
		run.Dir = dir
		if out, err := run.CombinedOutput(); err != nil || string(out) != want {
			t.Errorf("%v, %q, want %q", err, out, want)
		}
	}
}
