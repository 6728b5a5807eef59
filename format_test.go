package typedmem_test

import (
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/region"
)

// TestPythonReadsTheFormat runs the reader that FORMAT.md shows against a real file.
func TestPythonReadsTheFormat(t *testing.T) {
	testenv.Processes(t)
	python := "/usr/bin/python3"
	if out, err := osexec.Command(python, "-c", "import numpy").CombinedOutput(); err != nil {
		t.Skipf("needs %s with NumPy: %v %s", python, err, out)
	}
	document, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(document), "```python\n")
	program, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("FORMAT.md has no Python reader")
	}
	path := filepath.Join(t.TempDir(), "ticks.tm")
	r, err := region.Create[Tick](path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Append(Tick{Time: 1}, Tick{Time: -2, Price: 0.5, Size: 3, Venue: 4, Buy: 1}), r.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := osexec.Command(python, "-c", program, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "2 ('Time', 'Price', 'Size', 'Venue', 'Buy', '_') (-2, 0.5, 3, 4, 1, [0])"; strings.TrimSpace(string(out)) != want {
		t.Errorf("Python reads %s, want %s", out, want)
	}
}
