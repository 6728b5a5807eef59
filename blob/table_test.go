package blob_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/internal/testkit"
)

// A table stores each distinct string once, knows what others append, and is the same when it is
// built anew.
func TestATableStoresEachStringOnce(t *testing.T) {
	everyKind(t, func(t *testing.T, s *blob.Store) {
		table := testkit.Must(blob.NewTable(s))(t)
		want := map[string]blob.Ref{"": 0}
		r := rand.New(rand.NewPCG(3, 4))
		for range 3000 {
			text := fmt.Sprintf("symbol %d", r.IntN(1000))
			old, known := want[text]
			switch r.IntN(4) {
			case 0: // past the table
				if !known {
					want[text] = testkit.Must(s.AppendString(text))(t)
				}
			case 1:
				got, ok := table.Lookup([]byte(text))
				if ok != known || got != old {
					t.Fatalf("Lookup of %q gives %v, %v; want %v, %v", text, got, ok, old, known)
				}
			default:
				var got blob.Ref
				if r.IntN(2) == 0 {
					got = testkit.Must(table.InternString(text))(t)
				} else {
					got = testkit.Must(table.Intern([]byte(text)))(t)
				}
				if known && got != old {
					t.Fatalf("Intern of %q gives %v, want %v", text, got, old)
				}
				want[text] = got
				holds(t, s, got, []byte(text))
			}
		}
		again := testkit.Must(blob.NewTable(s))(t)
		for text, ref := range want {
			for _, table := range []*blob.Table{table, again} {
				if got, ok := table.LookupString(text); !ok || got != ref {
					t.Fatalf("%q is %v, %v; want %v", text, got, ok, ref)
				}
			}
		}
		if n := len(refsOf(s)); n != len(want)-1 || table.Len() != n || again.Len() != n {
			t.Fatalf("%d blobs, tables of %d and %d; want %d", n, table.Len(), again.Len(), len(want)-1)
		}
	})
}

// Of equal blobs the first counts, also of those appended past the table.
func TestOfEqualBlobsTheFirstCounts(t *testing.T) {
	everyKind(t, func(t *testing.T, s *blob.Store) {
		table := testkit.Must(blob.NewTable(s))(t)
		first := testkit.Must(s.AppendString("twice"))(t)
		if second := testkit.Must(s.AppendString("twice"))(t); second == first {
			t.Fatal("equal blobs have one Ref")
		}
		if got := testkit.Must(table.InternString("twice"))(t); got != first || table.Len() != 1 {
			t.Fatalf("%v of %d, want %v", got, table.Len(), first)
		}
	})
}

// A reader's table finds what the reader has refreshed.
func TestAReadersTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	s := testkit.Must(blob.Create(path))(t)
	testkit.CloseLater(t, s)
	reader := testkit.Must(blob.Open(path))(t)
	testkit.CloseLater(t, reader)
	table := testkit.Must(blob.NewTable(reader))(t)
	r := testkit.Must(s.AppendString("new"))(t)
	if _, ok := table.LookupString("new"); ok {
		t.Fatal("found before Refresh")
	}
	testkit.Check(t, reader.Refresh())
	if got, ok := table.LookupString("new"); !ok || got != r {
		t.Fatalf("%v, %v, want %v", got, ok, r)
	}
}

// Goroutines append, intern, look up, read, iterate and sync at the same time.
func TestConcurrentUse(t *testing.T) {
	everyKind(t, func(t *testing.T, s *blob.Store) {
		table := testkit.Must(blob.NewTable(s))(t)
		var all sync.WaitGroup
		run := func(f func(i int) error) {
			all.Add(1)
			go func() {
				defer all.Done()
				for i := range 300 {
					if err := f(i); err != nil {
						t.Error(err)
						return
					}
				}
			}()
		}
		var seen [4]map[string]blob.Ref
		for k := range seen {
			seen[k] = map[string]blob.Ref{}
			run(func(i int) error {
				text := fmt.Sprintf("symbol %d", (i*7+k*100)%250)
				r, err := table.InternString(text)
				if err != nil {
					return err
				}
				if old, ok := seen[k][text]; ok && old != r {
					return fmt.Errorf("%q is %v and %v", text, old, r)
				}
				seen[k][text] = r
				if got, err := s.Text(r); err != nil || got != text {
					return fmt.Errorf("%v is %q, %w", r, got, err)
				}
				return nil
			})
		}
		run(func(i int) error { _, err := s.Append(filled(i+1, 9)); return err })
		run(func(i int) error {
			if i%30 > 0 {
				return nil
			}
			return s.SyncBefore(s.Check, func() error { _, err := s.AppendString("inside"); return err })
		})
		run(func(i int) error {
			if i%30 == 0 {
				for r, v := range s.All() {
					if got, err := s.AppendTo(nil, r); err != nil || len(got) != v.Len() {
						return fmt.Errorf("%v: %d bytes, %w", r, len(got), err)
					}
				}
			}
			return nil
		})
		all.Wait()
		for k := range seen {
			for text, r := range seen[k] {
				if got, _ := table.LookupString(text); got != r {
					t.Errorf("%q is %v, was %v", text, got, r)
				}
			}
		}
		if n := len(slices.Collect(maps.Keys(seen[0]))); n != 250 {
			t.Errorf("%d symbols", n)
		}
		testkit.Check(t, s.Check())
	})
}
