//go:build unix

package blob_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
)

// A file that another program cuts off while it is open gives errors and no fault, whether the
// pages were read before or not.
func TestAFileCutOffWhileOpen(t *testing.T) {
	testenv.FaultAddresses(t)
	for _, warm := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "b")
		s := testkit.Must(blob.Create(path))(t)
		kept := testkit.Must(s.AppendString("kept"))(t)
		var refs []blob.Ref
		for i := range 200 {
			refs = append(refs, testkit.Must(s.Append(filled(5000, i)))(t))
		}
		testkit.Check(t, s.Close())
		s = testkit.Must(blob.Open(path))(t)
		last := refs[len(refs)-1]
		if warm {
			holds(t, s, last, filled(5000, len(refs)-1))
		}
		testkit.Check(t, os.Truncate(path, dataStart+64<<10))
		refused(t, s, last, typedmem.ErrTruncated)
		testkit.Is(t, s.Check(), typedmem.ErrTruncated)
		holds(t, s, kept, []byte("kept"))
		if n := len(refsOf(s)); n < 5 || n > 20 {
			t.Fatalf("All yields %d blobs of 64 KiB", n)
		}
		_, err := blob.NewTable(s)
		testkit.Is(t, err, typedmem.ErrTruncated)
		testkit.Check(t, s.Close())
	}
}
