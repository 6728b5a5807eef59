package blob_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
)

// reader opens a file with these blobs, and counts the calls that bring pages in; fail is what they
// return.
func reader(t *testing.T, fail error, blobs ...[]byte) (s *blob.Store, refs []blob.Ref, calls *int) {
	path := filepath.Join(t.TempDir(), "b")
	w := testkit.Must(blob.Create(path))(t)
	for _, b := range blobs {
		refs = append(refs, testkit.Must(w.Append(b))(t))
	}
	testkit.Check(t, w.Close())
	s = testkit.Must(blob.Open(path))(t)
	testkit.CloseLater(t, s)
	calls = new(int)
	t.Cleanup(sys.Interpose(func(c sys.Call) error {
		if c.Op != sys.OpPrefault {
			return nil
		}
		*calls++
		return fail
	}))
	return s, refs, calls
}

// A read asks the system for the pages of a blob, in as few calls as there are cold ranges.
func TestColdPagesAreAskedFor(t *testing.T) {
	s, refs, calls := reader(t, nil, filled(9, 1), filled(300_000, 2), filled(9, 3))
	holds(t, s, refs[1], filled(300_000, 2))
	if *calls == 0 || *calls > 6 { // the word's block, then the others, and again after half a second
		t.Fatalf("%d calls", *calls)
	}
}

// A page that the device cannot read is an error.
func TestAPageThatCannotBeRead(t *testing.T) {
	broken := errors.New("the device is broken")
	s, refs, _ := reader(t, broken, filled(300_000, 2), filled(300_000, 3))
	refused(t, s, refs[1], broken)
	testkit.Is(t, s.Check(), broken)
	if n := len(refsOf(s)); n > 1 {
		t.Fatalf("All yields %d blobs", n)
	}
}

// After a while the pages are asked for again: the system may have taken them back.
func TestPagesAreForgotten(t *testing.T) {
	s, refs, calls := reader(t, nil, filled(9, 1))
	holds(t, s, refs[0], filled(9, 1))
	was := *calls
	for deadline := time.Now().Add(30 * time.Second); *calls == was; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the pages count as present for good")
		}
		holds(t, s, refs[0], filled(9, 1))
	}
}
