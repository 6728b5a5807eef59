package typedmem_test

import (
	"encoding/binary"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
)

// TestPythonReadsBlobFiles runs the reader of blob files that FORMAT.md shows against a file.
func TestPythonReadsBlobFiles(t *testing.T) {
	testenv.Processes(t)
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the reader is for files of a little-endian machine")
	}
	python, err := osexec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3: ", err)
	}
	_, rest, _ := strings.Cut(string(testkit.Must(os.ReadFile("FORMAT.md"))(t)), "## Blob files")
	_, rest, _ = strings.Cut(rest, "```python\n")
	program, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("FORMAT.md has no Python reader of blob files")
	}
	path := filepath.Join(t.TempDir(), "names")
	s := testkit.Must(blob.Create(path))(t)
	want := ""
	for n := range 40 {
		text := strings.Repeat("x", n)
		r := testkit.Must(s.AppendString(text))(t)
		if n > 0 {
			want += fmt.Sprintf("%v %s\n", r, text)
		}
	}
	testkit.Check(t, s.Close())
	out, err := osexec.Command(python, "-c", program, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := strings.ReplaceAll(string(out), "\r", ""); got != want {
		t.Fatalf("Python reads %q, want %q", got, want)
	}
}
