package typedmem_test

import (
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
)

// The README's first lines run, and its program does, again over the file that it left.
func TestReadmeRunsTwice(t *testing.T) {
	text, err := os.ReadFile("README.md")
	testkit.Check(t, err, "README.md")
	_, rest, _ := strings.Cut(string(text), "```go\n")
	short, rest, _ := strings.Cut(rest, "```")
	if built(t, fmt.Sprintf(aroundShort, short))() != "2 11\n" {
		t.Error("the first lines print something else")
	}
	_, program, _ := strings.Cut(rest, "```go\n")
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

// aroundShort makes a program of the README's first lines.
const aroundShort = `package main

import (
	"fmt"

	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

type Tick struct {
	ID    uint64
	Price float64
}

func main() {
%s
	if err != nil || !best.Has(h) {
		panic(err)
	}
}
`

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
