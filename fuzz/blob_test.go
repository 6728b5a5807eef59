package fuzz

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// blobModel is a store beside a map of what it holds.
type blobModel struct {
	t     *testing.T
	path  string // "" for memory
	s     *blob.Store
	table *blob.Table
	refs  []blob.Ref
	texts map[blob.Ref]string
	first map[string]blob.Ref // of equal texts the first
}

func (m *blobModel) open(create bool) {
	var err error
	switch {
	case m.path == "":
		m.s, err = blob.New()
	case create:
		m.s, err = blob.Create(m.path)
	default:
		m.s, err = blob.OpenMut(m.path)
	}
	expect(m.t, "open", err)
	m.table, err = blob.NewTable(m.s)
	expect(m.t, "NewTable", err)
}

func (m *blobModel) add(text string, r blob.Ref) {
	if _, twice := m.texts[r]; twice && text != "" {
		m.t.Fatalf("%v is given twice", r)
	}
	if text != "" {
		m.refs = append(m.refs, r)
	}
	m.texts[r] = text
	if _, there := m.first[text]; !there {
		m.first[text] = r
	}
}

func (m *blobModel) step(p *program) {
	text := func() string {
		b := bytes.Repeat([]byte{p.byte(), p.byte()}, p.below(40))
		if len(b) > 0 && p.byte()&1 == 0 {
			b = b[1:]
		}
		if p.byte() > 250 {
			b = bytes.Repeat(b, 1000)
		}
		return string(b)
	}
	switch p.below(8) {
	case 0, 1:
		x := text()
		r, err := m.s.AppendString(x)
		expect(m.t, "AppendString", err)
		m.add(x, r)
	case 2, 3:
		x := text()
		r, err := m.table.Intern([]byte(x))
		expect(m.t, "Intern", err)
		if old, there := m.first[x]; !there {
			m.add(x, r)
		} else if old != r {
			m.t.Fatalf("Intern gives %v, want %v", r, old)
		}
	case 4:
		x := text()
		r, ok := m.table.LookupString(x)
		if want, there := m.first[x]; ok != there || r != want {
			m.t.Fatalf("Lookup gives %v, %v; want %v, %v", r, ok, want, there)
		}
	case 5: // a made-up Ref
		r := blob.Ref(valueOf[uint64](p))
		if p.byte()&1 == 0 && len(m.refs) > 0 {
			r ^= m.refs[p.below(len(m.refs))]
		}
		got, err := m.s.Text(r)
		if want, there := m.texts[r]; there && got != want || !there && err == nil {
			m.t.Fatalf("%v is %q, want %q, %v", r, got, want, there)
		} else if !there {
			expect(m.t, "Text", err, blob.ErrNoBlob, typedmem.ErrCorrupt)
		}
	case 6:
		m.whole()
	case 7:
		m.reopen(p.byte())
	}
}

// reopen closes the file and opens it again, or what a kill leaves of it.
func (m *blobModel) reopen(how byte) {
	if m.path == "" {
		return
	}
	image, err := os.ReadFile(m.path)
	expect(m.t, "read", err)
	expect(m.t, "Close", m.s.Close())
	if how&1 == 0 {
		expect(m.t, "write", os.WriteFile(m.path, image, 0o600))
	}
	m.open(false)
}

func (m *blobModel) whole() {
	i := 0
	for r, v := range m.s.All() {
		if i >= len(m.refs) || m.refs[i] != r || !bytes.Equal(copied(v), []byte(m.texts[r])) {
			m.t.Fatalf("blob %d of %d is %v", i, len(m.refs), r)
		}
		i++
	}
	if i != len(m.refs) {
		m.t.Fatalf("%d blobs, want %d", i, len(m.refs))
	}
	for r, text := range m.texts {
		if !m.s.Equal(r, text) {
			m.t.Fatalf("%v is not %q", r, text)
		}
	}
	expect(m.t, "Check", m.s.Check())
}

// copied returns the elements of a view, which Slice would keep mapped after Close.
func copied(v region.View[byte]) []byte {
	b := make([]byte, v.Len())
	v.CopyTo(b)
	return b
}

// FuzzBlob runs a program on a store in memory and one in a file, and compares them with maps.
func FuzzBlob(f *testing.F) {
	testenv.PartialPages(f)
	f.Add([]byte("\x00\x00\x01ab\x05\x01\x00\x01\x02ab\x05\x01\x00\x06\x00\x07\x00"))
	f.Add([]byte("\x01\x00cd\x10\x00\xff\x01\x07\x01\x01\x02cd\x10\x00\xff\x01\x05\x00\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, input []byte) {
		p := &program{input}
		models := [2]*blobModel{{t: t}, {t: t, path: filepath.Join(testkit.FastDir(t), "b")}}
		for _, m := range models {
			m.texts, m.first = map[blob.Ref]string{0: ""}, map[string]blob.Ref{"": 0}
			m.open(true)
			defer func() { expect(t, "Close", m.s.Close()) }()
		}
		for p.more() {
			models[p.below(2)].step(p)
		}
		for _, m := range models {
			m.whole()
		}
	})
}

// FuzzBlobData takes any bytes for the data of a blob file, or changes bytes of a valid one: every
// Ref gives the bytes that were appended, or an error, and an error of OpenMut leaves the file as
// it was.
func FuzzBlobData(f *testing.F) {
	testenv.PartialPages(f)
	path := filepath.Join(testkit.FastDir(f), "b")
	s, err := blob.Create(path)
	if err != nil {
		f.Fatal(err)
	}
	texts := map[blob.Ref]string{}
	for _, n := range []int{3, 8, 20, 1, 41} {
		text := string(bytes.Repeat([]byte{byte(n)}, n))
		r, err := s.AppendString(text)
		if err != nil {
			f.Fatal(err)
		}
		texts[r] = text
	}
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	data := image[dataStart:][:16+5*8+8+8+24+8+48]
	f.Add([]byte{0, 1, 16, 1})
	f.Add([]byte{3, 0, 40, 9, 255})
	f.Add(append([]byte{1}, data...))
	f.Fuzz(func(t *testing.T, input []byte) {
		p := &program{input}
		mode := p.byte()
		changed := append([]byte(nil), data...)
		if mode&1 != 0 {
			if cut := int(p.byte()); mode&2 != 0 {
				changed = changed[:min(cut, len(changed))]
			} else {
				changed = p.rest
				p.rest = nil
			}
		}
		for len(p.rest) >= 2 && len(changed) > 0 {
			changed[p.below(len(changed))] ^= p.byte()
		}
		_ = os.Remove(path)
		r, err := region.Create[byte](path, 0)
		expect(t, "Create", err)
		expect(t, "Append", r.Append(changed...))
		expect(t, "Close", r.Close())
		content, err := os.ReadFile(path)
		expect(t, "read", err)
		for _, open := range []func(string) (*blob.Store, error){blob.Open, blob.OpenMut} {
			s, err := open(path)
			if err != nil {
				expect(t, "open", err, typedmem.ErrCorrupt, typedmem.ErrLayout)
				unchanged(t, path, content)
				continue
			}
			for r, want := range texts {
				if got, err := s.Text(r); err == nil && got != want {
					t.Fatalf("%v is %q, want %q", r, got, want)
				}
			}
			n := 0
			for r, v := range s.All() {
				n += v.Len()
				if got, err := s.AppendTo(nil, r); err != nil || len(got) != v.Len() {
					t.Fatalf("All yields %v of %d bytes: %v", r, v.Len(), err)
				}
			}
			if n > len(changed) {
				t.Fatalf("%d bytes out of %d", n, len(changed))
			}
			if err := s.Check(); err != nil {
				expect(t, "Check", err, typedmem.ErrCorrupt)
			}
			expect(t, "Close", s.Close())
		}
	})
}
