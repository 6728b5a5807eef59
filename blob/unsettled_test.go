package blob_test

import (
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
)

// Beside a SyncBefore no Ref gets out whose blob is not durable, also where an Append could not
// make it so: the function would sync records that refer to it.
func TestARefThatIsNotDurableStaysInside(t *testing.T) {
	s := testkit.Must(blob.Create(filepath.Join(t.TempDir(), "b.tm")))(t)
	t.Cleanup(func() { _ = s.Close() }) // on Unix it returns the error of the failed Append
	table := testkit.Must(blob.NewTable(s))(t)
	testkit.Must(table.InternString("first"))(t)
	texts := func() (all []string) {
		for _, v := range s.All() {
			all = append(all, string(v.Slice()))
		}
		return all
	}
	err := s.SyncBefore(func() error {
		restore := sys.Interpose(sys.FailCall(sys.OpFlush, 0, syscall.EIO))
		_, err := s.AppendString("second")
		restore()
		testkit.Wants(t, "Append", err, syscall.EIO)
		if got := texts(); !slices.Equal(got, []string{"first"}) {
			t.Errorf("All yields %q", got)
		}
		if r, ok := table.LookupString("second"); ok {
			t.Errorf("the table returns %v", r)
		}
		return nil
	})
	testkit.Check(t, err)
	if sys.LosesPages(syscall.EIO) {
		testkit.Wants(t, "Sync", s.Sync(), syscall.EIO)
		if _, ok := table.LookupString("second"); ok {
			t.Error("after a Sync that failed the table returns a Ref")
		}
		return
	}
	testkit.Check(t, s.Sync())
	if got := texts(); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("after a Sync All yields %q", got)
	}
}
