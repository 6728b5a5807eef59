package blob_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

const dataStart = 64 << 10 // of FORMAT.md

// someBlobs makes a file with a few blobs.
func someBlobs(t testing.TB, path string) map[blob.Ref][]byte {
	t.Helper()
	s := testkit.Must(blob.Create(path))(t)
	want := map[blob.Ref][]byte{}
	for _, n := range []int{1, 8, 30, 5, 17, 61} {
		want[testkit.Must(s.Append(filled(n, 3)))(t)] = filled(n, 3)
	}
	testkit.Check(t, s.Close())
	return want
}

// sameOrError opens a file in both ways and reads each Ref: the bytes are those of want, or there
// is an error. An OpenMut that fails leaves the file as it was.
func sameOrError(t *testing.T, path string, want map[blob.Ref][]byte, what ...any) (read int) {
	t.Helper()
	for _, open := range []func(string) (*blob.Store, error){blob.Open, blob.OpenMut} {
		same := unchanged(t, path)
		s, err := open(path)
		if err != nil {
			same()
			continue
		}
		for r, b := range want {
			got, err := s.AppendTo(nil, r)
			if err == nil && string(got) != string(b) {
				t.Fatal(append(what, ": ", r, " has other bytes")...)
			}
			if err == nil {
				read++
			}
			if v, err := s.View(r); err == nil && string(copied(v)) != string(b) {
				t.Fatal(append(what, ": the view of ", r, " has other bytes")...)
			}
		}
		for r, v := range s.All() {
			if string(copied(v)) != string(want[r]) {
				t.Fatal(append(what, ": All yields other bytes for ", r)...)
			}
		}
		if table, err := blob.NewTable(s); err == nil {
			for r, b := range want {
				if got, ok := table.Lookup(b); ok && got != r {
					t.Fatal(append(what, ": Lookup of ", r, " finds ", got)...)
				}
			}
		}
		testkit.Check(t, s.Close())
	}
	return read
}

// Each byte of the data is changed in turn, by one bit, its highest bit or all bits.
func TestEveryByteFlipped(t *testing.T) {
	path := filepath.Join(testkit.FastDir(t), "b")
	want := someBlobs(t, path)
	whole := testkit.Must(os.ReadFile(path))(t)
	read := 0
	for at := dataStart; at < len(whole); at += testkit.Cond(testing.Short(), 5, 1) {
		b := append([]byte(nil), whole...)
		b[at] ^= []byte{1, 0x80, 0xff}[at%3]
		testkit.Check(t, os.WriteFile(path, b, 0o666))
		read += sameOrError(t, path, want, "byte ", at-dataStart, " of the data")
	}
	if read == 0 {
		t.Fatal("no blob was ever read")
	}
}

// Each byte of the file's header is changed in turn.
func TestEveryByteOfTheHeaderFlipped(t *testing.T) {
	path := filepath.Join(testkit.FastDir(t), "b")
	want := someBlobs(t, path)
	whole := testkit.Must(os.ReadFile(path))(t)
	for _, part := range []int{0, 16 << 10, 32 << 10} {
		for at := part; at < part+160; at += 1 + at%2 {
			b := append([]byte(nil), whole...)
			b[at] ^= 0x81
			testkit.Check(t, os.WriteFile(path, b, 0o666))
			sameOrError(t, path, want, "byte ", at)
		}
	}
}

// The file ends at each place in turn; and the length of the region is each number in turn, as
// another program might leave it.
func TestEveryTruncation(t *testing.T) {
	path := filepath.Join(testkit.FastDir(t), "b")
	want := someBlobs(t, path)
	whole := testkit.Must(os.ReadFile(path))(t)
	r := testkit.Must(region.Open[byte](path))(t)
	length := r.Len()
	testkit.Check(t, r.Close())
	for n := dataStart - 1; n < dataStart+length; n += testkit.Cond(testing.Short(), 5, 1) {
		testkit.Check(t, os.WriteFile(path, whole[:n], 0o666))
		sameOrError(t, path, want, "the file ends at byte ", n)
	}
	for n := range length {
		testkit.Check(t, os.WriteFile(path, whole, 0o666))
		r := testkit.Must(region.OpenMut[byte](path))(t)
		testkit.Check(t, r.Resize(n))
		testkit.Check(t, r.Close())
		sameOrError(t, path, want, "the region ends at byte ", n)
	}
}

// A store that was cut inside a blob is refused for writing and stays as it was; what is left can
// be read.
func TestAStoreThatWasCutInsideABlob(t *testing.T) {
	path := filepath.Join(testkit.FastDir(t), "b")
	for _, last := range []int{9, 100, 5000, 200_000} {
		_ = os.Remove(path)
		s := testkit.Must(blob.Create(path))(t)
		refs := []blob.Ref{testkit.Must(s.AppendString("one"))(t), testkit.Must(s.AppendString("two"))(t)}
		end := s.Size()
		lost := testkit.Must(s.Append(make([]byte, last)))(t) // zeros look like no word
		size := s.Size()
		testkit.Check(t, s.Close())
		testkit.Check(t, testkit.Must(blob.OpenMut(path))(t).Close())
		for _, cut := range []int{size - 8, end + 8} {
			r := testkit.Must(region.OpenMut[byte](path))(t)
			testkit.Check(t, r.Resize(cut))
			testkit.Check(t, r.Close())
			same := unchanged(t, path)
			_, err := blob.OpenMut(path)
			testkit.Wants(t, "OpenMut", err, typedmem.ErrCorrupt, path, "cut off")
			same()
			s = testkit.Must(blob.Open(path))(t)
			refused(t, s, lost, typedmem.ErrCorrupt)
			if got := refsOf(s); len(got) != 2 || got[0] != refs[0] || got[1] != refs[1] {
				t.Fatalf("All yields %v, want %v", got, refs)
			}
			testkit.Wants(t, "Check", s.Check(), typedmem.ErrCorrupt, path)
			_, err = blob.NewTable(s)
			testkit.Wants(t, "NewTable", err, typedmem.ErrCorrupt, path)
			testkit.Check(t, s.Close())
		}
		r := testkit.Must(region.OpenMut[byte](path))(t)
		testkit.Check(t, r.Resize(end))
		testkit.Check(t, r.Close())
		s = testkit.Must(blob.OpenMut(path))(t)
		holds(t, s, refs[1], []byte("two"))
		testkit.Check(t, s.Close())
	}
}

// A last blob whose bytes look like words that lead to the end is found all the same, and a file of
// nothing else is refused in time.
func TestBytesThatLookLikeWords(t *testing.T) {
	path := filepath.Join(testkit.FastDir(t), "b")
	words := make([]byte, 1<<16)
	for at := 0; at < len(words); at += 8 {
		n := len(words) - at - 8
		words[at], words[at+1], words[at+2] = byte(n), byte(n>>8), byte(n>>16)
	}
	s := testkit.Must(blob.Create(path))(t)
	r := testkit.Must(s.Append(words[len(words)-64:]))(t)
	testkit.Check(t, s.Close())
	s, err := blob.OpenMut(path)
	testkit.Check(t, err)
	holds(t, s, r, words[len(words)-64:])
	testkit.Check(t, s.Close())
	raw := testkit.Must(region.OpenMut[byte](path))(t)
	testkit.Check(t, errors.Join(raw.Append(words...), raw.Close()))
	_, err = blob.OpenMut(path)
	testkit.Wants(t, "OpenMut", err, typedmem.ErrCorrupt, path)
}
