//go:build unix

package typedmem_test

import (
	"os"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// Growth never hides that the file was cut off under the mapping: the old contents are lost. Where
// only the room ahead was cut off, it is set aside again.
func TestGrowthTellsThatTheFileWasCutOff(t *testing.T) {
	testenv.Differs(t, partialLargePage)
	for name, grow := range map[string]func(r *region.Region[byte]) error{
		"resize":           func(r *region.Region[byte]) error { return r.Resize(9 * unit) },
		"far":              func(r *region.Region[byte]) error { return r.Resize(60 * unit) },
		"within the room":  func(r *region.Region[byte]) error { return r.Resize(r.Len() + 1) },
		"mapping":          func(r *region.Region[byte]) error { return r.Mapping().Resize(9 * unit) },
		"make room":        func(r *region.Region[byte]) error { return mem.Of(r.Mapping()).MakeRoom(9 * unit) },
		"append past room": func(r *region.Region[byte]) error { return r.Append(make([]byte, 60*unit)...) },
	} {
		for kind, f := range map[string]flags.Map{"shared": flags.Shared, "private": 0} {
			for _, left := range []int64{0, int64(unit) + 100} {
				file := testkit.File(t, pattern(16*unit))
				r := testkit.Must(region.MapMut[byte](options.New(2*unit).WithFile(file, 0).WithFlags(f).WithCapacity(64 * unit)))(t)
				testkit.Check(t, r.Resize(3*unit), "first growth")
				testkit.Check(t, os.Truncate(file.Name(), left), "Truncate")
				testkit.Wants(t, kind+": "+name, grow(r), typedmem.ErrTruncated)
				if info, err := file.Stat(); err != nil || info.Size() != left || r.Len() != 3*unit {
					t.Errorf("%s: %s: %d elements, a file of %d bytes, %v", kind, name, r.Len(), info.Size(), err)
				}
				testkit.Check(t, r.Close(), "Close")
			}
		}
		file := testkit.File(t, pattern(2*unit))
		r := testkit.Must(region.MapMut[byte](options.New(2*unit).WithFile(file, 0).WithFlags(flags.Shared).WithCapacity(64 * unit)))(t)
		testkit.Check(t, r.Resize(3*unit), "first growth")
		testkit.Check(t, os.Truncate(file.Name(), int64(3*unit)), "Truncate")
		testkit.Check(t, grow(r), "the room was cut off: "+name)
		testkit.Check(t, mem.Of(r.Mapping()).MakeRoom(r.Len()), "MakeRoom")
		if info, err := file.Stat(); err != nil || info.Size() < int64(r.Len()) {
			t.Errorf("%s: %d elements, a file of %d bytes, %v", name, r.Len(), info.Size(), err)
		}
		testkit.Check(t, r.Close(), "Close")
	}
}
