package region_test

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What a program with 32-bit addresses cannot open it does not write either, and what it cannot
// address it leaves to those that can.
func TestFilesThatA32BitProgramCannotAddress(t *testing.T) {
	if math.MaxInt != math.MaxInt32 {
		t.Skip("this program can address them")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "written.tm")
	_, err := region.WriteFile(path, reflect.TypeFor[uint8](), 0, io.LimitReader(zeros{}, 1<<31+8))
	testkit.Wants(t, "WriteFile", err, typedmem.ErrSize)
	if _, err := os.Stat(path); err == nil {
		t.Error("WriteFile left a file")
	}

	path = filepath.Join(dir, "shrunk.tm")
	testkit.Check(t, testkit.Must(region.Create[uint8](path, 10))(t).Close())
	testkit.Check(t, os.Truncate(path, 3<<30)) // as a shrinking Resize of a 64-bit program leaves it
	testkit.Check(t, testkit.Must(region.OpenMut[uint8](path))(t).Close())
	if info := testkit.Must(os.Stat(path))(t); info.Size() != 3<<30 {
		t.Errorf("the file was cut to %d bytes under readers that may show more", info.Size())
	}

	path = filepath.Join(dir, "migrated.tm")
	testkit.Check(t, testkit.Must(region.Create[uint8](path, 272<<20))(t).Close())
	err = region.Migrate(path, func(x uint8) uint64 { return uint64(x) })
	testkit.Wants(t, "Migrate", err, typedmem.ErrSize)
	testkit.Check(t, testkit.Must(region.Open[uint8](path))(t).Close())
}

// A row that no Open would accept is refused before there is a file.
func TestRowsThatNoFileHas(t *testing.T) {
	if math.MaxInt == math.MaxInt32 {
		t.Skip("every row that this program can address fits the format")
	}
	path := filepath.Join(t.TempDir(), "rows.tm")
	_, err := region.OpenFile[uint8](path, region.FileOptions{Write: true, Create: true, Width: math.MaxInt - 7})
	testkit.Wants(t, "OpenFile", err, typedmem.ErrSize)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("a file was left: ", err)
	}
}
