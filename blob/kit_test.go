package blob_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// kinds are the ways to have a store that can be written to.
var kinds = map[string]func(t testing.TB) *blob.Store{
	"memory": func(t testing.TB) *blob.Store { return testkit.Must(blob.New())(t) },
	"file":   func(t testing.TB) *blob.Store { return testkit.Must(blob.Create(filepath.Join(t.TempDir(), "b")))(t) },
	"reopened": func(t testing.TB) *blob.Store {
		path := filepath.Join(t.TempDir(), "b")
		testkit.Check(t, testkit.Must(blob.Create(path))(t).Close())
		return testkit.Must(blob.OpenMut(path))(t)
	},
}

// everyKind runs a test with an empty store of each kind.
func everyKind(t *testing.T, test func(t *testing.T, s *blob.Store)) {
	for name, make := range kinds {
		t.Run(name, func(t *testing.T) {
			s := make(t)
			testkit.CloseLater(t, s)
			test(t, s)
		})
	}
}

// filled returns n bytes that depend on n and salt.
func filled(n, salt int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + n + salt)
	}
	return b
}

// holds fails the test unless each way to read finds these bytes.
func holds(t testing.TB, s *blob.Store, r blob.Ref, want []byte) {
	t.Helper()
	v, err := s.View(r)
	testkit.Check(t, err, "View")
	got := copied(v)
	text, err := s.Text(r)
	testkit.Check(t, err, "Text")
	more, err := s.AppendTo([]byte("before"), r)
	testkit.Check(t, err, "AppendTo")
	if string(got) != string(want) || text != string(want) || string(more) != "before"+string(want) {
		t.Fatalf("%v: View has %d bytes, Text %d, AppendTo %d; want these %d", r, len(got), len(text), len(more), len(want))
	}
	if !s.Equal(r, string(want)) || s.Equal(r, string(want)+"x") || len(want) > 0 && s.Equal(r, string(want[1:])+"\xff") {
		t.Fatalf("%v: Equal is wrong", r)
	}
}

// refused fails the test unless each way to read returns an error that wraps one of want, and no
// bytes.
func refused(t testing.TB, s *blob.Store, r blob.Ref, want ...error) {
	t.Helper()
	is := func(what string, err error) {
		t.Helper()
		if !slices.ContainsFunc(want, func(w error) bool { return errors.Is(err, w) }) {
			t.Fatalf("%s of %v: %v, want %v", what, r, err, want)
		}
		testkit.Wants(t, what, err, err)
	}
	v, err := s.View(r)
	is("View", err)
	text, err := s.Text(r)
	is("Text", err)
	b, err := s.AppendTo([]byte("before"), r)
	is("AppendTo", err)
	if v.Len() != 0 || text != "" || string(b) != "before" || s.Equal(r, "") {
		t.Fatalf("%v shows %d bytes, %q and %q", r, v.Len(), text, b)
	}
}

// unchanged returns a function that fails the test if the file has changed.
func unchanged(t testing.TB, path string) func() {
	was := testkit.Must(os.ReadFile(path))(t)
	return func() {
		t.Helper()
		if string(testkit.Must(os.ReadFile(path))(t)) != string(was) {
			t.Fatal("the file has changed")
		}
	}
}

func refsOf(s *blob.Store) (refs []blob.Ref) {
	for r := range s.All() {
		refs = append(refs, r)
	}
	return refs
}

// copied returns the elements of a view. Slice would keep the memory of a closed store mapped.
func copied(v region.View[byte]) []byte {
	b := make([]byte, v.Len())
	v.CopyTo(b)
	return b
}
