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
	text, err := os.ReadFile("README.md")
	testkit.Check(t, err, "README.md")
	_, program, _ := strings.Cut(string(text), "```go\n")
	program, _, _ = strings.Cut(program, "```")
	run := built(t, program)
	for _, want := range []string{
		"2 ticks; the second at 11\nmean 10.75\n<nil> false\n",
		"4 ticks; the second at 11\nmean 10.75\n<nil> false\n",
	} {
		if out := run(); out != want {
			t.Errorf("%q, want %q", out, want)
		}
	}
}

// built vets and builds a program. The returned function runs it, in the same folder each time, and
// returns what it prints.
func built(t *testing.T, program string) (run func() string) {
	t.Helper()
	tool, dir := testenv.GoTool(t), t.TempDir()
	source, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "main.exe")
	testkit.Check(t, os.WriteFile(source, []byte(program), 0o600), "a file")
	for _, args := range [][]string{{"vet", source}, {"build", "-o", binary, source}} {
		if out, err := osexec.Command(tool, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	return func() string {
		t.Helper()
		cmd := osexec.Command(binary)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
}
