package typedmem_test

import (
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/region"
)

// TestPythonReadsTheFormat runs the reader that FORMAT.md shows against real files.
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
	reads := func(path, want string) {
		out, err := osexec.Command(python, "-c", program, path).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if strings.TrimSpace(string(out)) != want {
			t.Errorf("Python reads %s, want %s", out, want)
		}
	}
	path := filepath.Join(t.TempDir(), "ticks.tm")
	r, err := region.Create[Tick](path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Append(Tick{Time: 1}, Tick{Time: -2, Price: 0.5, Size: 3, Venue: 4, Buy: 1}), r.Close()); err != nil {
		t.Fatal(err)
	}
	reads(path, "2 ('Time', 'Price', 'Size', 'Venue', 'Buy', '_') (-2, 0.5, 3, 4, 1, [0])")

	path = filepath.Join(t.TempDir(), "vectors.tm")
	v, err := region.OpenFile[Tick](path, region.FileOptions{Write: true, Create: true, Len: 6, Width: 2})
	if err != nil {
		t.Fatal(err)
	}
	v.Rows().Set(2, 0, Tick{Time: 7})
	v.Rows().Set(2, 1, Tick{Time: 8, Price: 1.5})
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	reads(path, "3 ('Time', 'Price', 'Size', 'Venue', 'Buy', '_') [(7, 0. , 0, 0, 0, [0]) (8, 1.5, 0, 0, 0, [0])]")

	type counters struct {
		Count atomic.Uint64
		Ready atomic.Bool
		Level atomic.Int32
		Plain [2]uint32
		Point complex128
	}
	path = filepath.Join(t.TempDir(), "counters.tm")
	c, err := region.Create[counters](path, 2)
	if err != nil {
		t.Fatal(err)
	}
	last := c.Ptr(1)
	last.Count.Store(1 << 60)
	last.Ready.Store(true)
	last.Level.Store(-5)
	last.Plain, last.Point = [2]uint32{6, 7}, 1+2i
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	reads(path, "2 ('Count', 'Ready', 'Level', 'Plain', 'Point') (1152921504606846976, 1, -5, [6, 7], 1.+2.j)")

	type foreign struct {
		Big    endian.BE32[uint32]
		Byte   uint8
		Little endian.LE64[float64] // at an odd byte
		Many   [2]endian.BE16[int16]
		Native uint8
	}
	path = filepath.Join(t.TempDir(), "foreign.tm")
	f, err := region.Create[foreign](path, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := foreign{Big: endian.BE32Of[uint32](0x01020304), Byte: 5, Little: endian.LE64Of(-0.5), Native: 9}
	x.Many[1].Set(-300)
	if err := errors.Join(f.Append(x), f.Close()); err != nil {
		t.Fatal(err)
	}
	reads(path, "1 ('Big', 'Byte', 'Little', 'Many', 'Native') (16909060, 5, -0.5, [   0, -300], 9)")
}
