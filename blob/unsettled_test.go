package blob_test

import (
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
)

// A goroutine with a pin can append while a Shutdown waits for it.
func TestAppendWithAPinWhileAShutdownWaits(t *testing.T) {
	s := testkit.Must(blob.New())(t)
	unpin := testkit.Must(s.Pin())(t)
	waiting := testkit.StartShutdown(t, s)
	testkit.Must(s.AppendString("still open"))(t)
	unpin()
	testkit.Wants(t, "Shutdown", waiting.Wait(t), nil)
	_, err := s.AppendString("closed")
	testkit.Wants(t, "Append", err, typedmem.ErrClosed)
}

// A Shutdown ends though goroutines call Sync without pause.
func TestShutdownBesideSync(t *testing.T) {
	testkit.CheckShutdownBesideSync(t, testkit.Must(blob.Create(filepath.Join(t.TempDir(), "b.tm")))(t))
}

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
		called := false
		testkit.Wants(t, "SyncBefore", s.SyncBefore(func() error { called = true; return nil }), syscall.EIO)
		if called {
			t.Error("a SyncBefore that could not sync has called its function")
		}
		testkit.Must(table.InternString("second"))(t)
		if before := s.Size(); testkit.Must(table.InternString("second"))(t) == 0 || s.Size() != before {
			t.Error("the table stores it again")
		}
		return
	}
	testkit.Check(t, s.Sync())
	if got := texts(); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("after a Sync All yields %q", got)
	}
}
