package container

import (
	"bytes"
	"math"
	"os"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
)

// TestPartOfARowInTheHeader: a length or width that no writer records is an error, and the file
// stays.
func TestPartOfARowInTheHeader(t *testing.T) {
	for _, c := range []struct {
		width, length uint64
		want          error
	}{
		{0, 7, nil}, {1, 7, nil}, {7, 7, nil}, {3, 6, nil}, {3, 0, nil}, {1 << 20, 0, nil},
		{3, 7, typedmem.ErrCorrupt}, {8, 7, typedmem.ErrCorrupt},
		{math.MaxInt, 0, typedmem.ErrSize}, {1 << 63, 0, typedmem.ErrSize}, {math.MaxUint64, 0, typedmem.ErrSize}, {math.MaxInt / 8, 0, typedmem.ErrSize},
	} {
		path := made(t, 7)
		h := specOf[record](KindRegion).header()
		h.width, h.length = c.width, c.length
		block := make([]byte, 2*copySpace)
		h.encode(block)
		h.encode(block[copySpace:])
		overwrite(t, path, 0, block)
		before := testkit.Must(os.ReadFile(path))(t)
		for _, write := range []bool{false, true} {
			f, err := Open(path, specOf[record](KindRegion), write)
			testkit.Is(t, err, c.want, c.length, " elements in rows of ", c.width)
			if err != nil {
				continue
			}
			if f.Width() != int(c.width) || f.Length() != int(c.length) {
				t.Errorf("%d elements in rows of %d", f.Length(), f.Width())
			}
			testkit.Check(t, f.Abandon())
		}
		if !bytes.Equal(testkit.Must(os.ReadFile(path))(t), before) {
			t.Errorf("%d elements in rows of %d: the file was changed", c.length, c.width)
		}
	}
}
