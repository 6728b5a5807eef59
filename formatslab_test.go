package typedmem_test

import (
	"encoding/binary"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// TestPythonReadsSlabFiles runs the reader of slab files that FORMAT.md shows: against a file, and
// against a snapshot of it.
func TestPythonReadsSlabFiles(t *testing.T) {
	testenv.Processes(t)
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the reader is for files of a little-endian machine")
	}
	python, err := osexec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3: ", err)
	}
	_, rest, _ := strings.Cut(string(testkit.Must(os.ReadFile("FORMAT.md"))(t)), "## Slab files")
	_, rest, _ = strings.Cut(rest, "```python\n")
	program, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("FORMAT.md has no Python reader of slab files")
	}
	program += "\nfor h, b in objects(sys.argv[1]): print(h, struct.unpack('<Q', b)[0])\n"
	reads := func(path string, want map[slab.Handle[uint64]]uint64) {
		t.Helper()
		out, err := osexec.Command(python, "-c", program, path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var lines []string
		for h, x := range want {
			lines = append(lines, fmt.Sprintln(h.Uint64(), x))
		}
		got := strings.SplitAfter(strings.ReplaceAll(string(out), "\r", ""), "\n")
		got = got[:len(got)-1]
		slices.Sort(got)
		if slices.Sort(lines); !slices.Equal(got, lines) {
			t.Fatalf("Python reads %q, want %q", got, lines)
		}
	}
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "s"), filepath.Join(dir, "copy")
	s := testkit.Must(slab.Create[uint64](path, 100))(t)
	testkit.CloseLater(t, s)
	live := map[slab.Handle[uint64]]uint64{}
	for i := range uint64(20) {
		h := testkit.Must(s.Insert(i))(t)
		if live[h] = i; i%3 == 0 {
			testkit.Check(t, s.Free(h))
			delete(live, h)
		}
	}
	testkit.Check(t, s.Snapshot(copied))
	testkit.Check(t, s.Close())
	reads(path, live)
	reads(copied, live)
	w := testkit.Must(slab.OpenMut[uint64](copied))(t)
	for h, x := range live {
		if x%2 == 0 {
			testkit.Check(t, w.Free(h))
			delete(live, h)
		}
	}
	for i := range uint64(20) {
		live[testkit.Must(w.Insert(100+i))(t)] = 100 + i
	}
	testkit.Check(t, w.Close())
	reads(copied, live)
}
