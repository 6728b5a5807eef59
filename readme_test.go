package typedmem_test

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
)

// The program in the README is one that the compiler takes.
func TestReadmeCompiles(t *testing.T) {
	tool := testenv.GoTool(t)
	text, err := os.ReadFile("README.md")
	check(t, "README.md", err)
	_, program, _ := strings.Cut(string(text), "```go\n")
	program, _, _ = strings.Cut(program, "```")
	file := filepath.Join(t.TempDir(), "main.go")
	check(t, "a file", os.WriteFile(file, []byte(program), 0o600))
	if out, err := osexec.Command(tool, "vet", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
