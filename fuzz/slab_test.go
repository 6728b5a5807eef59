package fuzz

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/slab"
)

// node is an object of the slabs under test: one that names others.
type node struct {
	Key  uint64
	Next slab.Handle[node]
	_    [2]uint64
}

// slabModel is one slab and the objects it should hold.
type slabModel struct {
	t       *testing.T
	path    string // "" for a slab in memory
	s       *slab.Slab[node]
	caches  [2]*slab.Cache[node]
	objects map[slab.Handle[node]]node
	known   []slab.Handle[node] // every handle there ever was
	live    []slab.Handle[node]
}

func (m *slabModel) check(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// stale fails unless err is ErrStale just when h names no object of m.
func (m *slabModel) stale(what string, h slab.Handle[node], err error) bool {
	m.t.Helper()
	_, there := m.objects[h]
	if there && err != nil || !there && !errors.Is(err, slab.ErrStale) {
		m.t.Fatalf("%s of %x (live: %v): %v", what, h.Uint64(), there, err)
	}
	return there
}

func (m *slabModel) add(x node, h slab.Handle[node], err error) {
	m.t.Helper()
	if err != nil {
		if st := m.s.Stats(); !errors.Is(err, slab.ErrFull) || st.Free+st.Waiting != 0 {
			m.t.Fatalf("%v: %+v", err, st)
		}
		return
	}
	for _, old := range m.known {
		if old == h {
			m.t.Fatalf("handle %x was there before", h.Uint64())
		}
	}
	m.objects[h] = x
	m.known, m.live = append(m.known, h), append(m.live, h)
}

func (m *slabModel) remove(h slab.Handle[node]) {
	delete(m.objects, h)
	for i, x := range m.live {
		if x == h {
			m.live[i] = m.live[len(m.live)-1]
			m.live = m.live[:len(m.live)-1]
			return
		}
	}
}

// pick is a handle to try: of an object, of one that was, made up, or of the other slab.
func (m *slabModel) pick(p *program, other *slabModel) slab.Handle[node] {
	switch b := p.byte(); {
	case b < 160 && len(m.live) > 0:
		return m.live[int(b)%len(m.live)]
	case b < 210 && len(m.known) > 0:
		return m.known[p.below(len(m.known))]
	case b < 230 && len(m.live) > 0:
		return slab.HandleFrom[node](m.live[int(b)%len(m.live)].Uint64() ^ 1<<(p.byte()%64))
	case b < 245 && len(other.known) > 0:
		return other.known[int(b)%len(other.known)]
	}
	return slab.HandleFrom[node](p.uint64())
}

// whole compares all that the slab holds.
func (m *slabModel) whole() {
	m.t.Helper()
	n := 0
	for h, x := range m.s.All() {
		if want, ok := m.objects[h]; !ok || want != *x {
			m.t.Fatalf("All yields %x with %v, want %v", h.Uint64(), *x, want)
		}
		n++
	}
	st := m.s.Stats()
	if n != len(m.objects) || m.s.Len() != n || st.Live != n || st.Live+st.Free+st.Cached+st.Waiting+st.Retired != m.s.Cap() {
		m.t.Fatalf("All yields %d objects, Len is %d, there are %d: %+v", n, m.s.Len(), len(m.objects), st)
	}
}

func (m *slabModel) closeCaches() {
	for i, c := range m.caches {
		if c != nil {
			m.check(c.Close())
		}
		m.caches[i] = nil
	}
}

func (m *slabModel) step(p *program, other *slabModel) {
	cache := func() *slab.Cache[node] {
		i := p.below(len(m.caches))
		if m.caches[i] == nil {
			m.caches[i] = m.s.Cache()
		}
		return m.caches[i]
	}
	switch op := p.below(14); op {
	case 0, 1:
		x := valueOf[node](p)
		h, err := m.s.Insert(x)
		m.add(x, h, err)
	case 2, 3:
		x := valueOf[node](p)
		h, err := cache().Insert(x)
		m.add(x, h, err)
	case 4:
		h, err := m.s.Alloc()
		m.add(node{}, h, err)
	case 5, 6:
		h := m.pick(p, other)
		free := m.s.Free
		if op == 6 {
			free = cache().Free
		}
		if m.stale("Free", h, free(h)) {
			m.remove(h)
		}
	case 7:
		h := m.pick(p, other)
		x, err := m.s.Load(h)
		if m.stale("Load", h, err) && x != m.objects[h] {
			m.t.Fatalf("Load of %x is %v, want %v", h.Uint64(), x, m.objects[h])
		}
	case 8:
		h, x := m.pick(p, other), valueOf[node](p)
		if m.stale("Store", h, m.s.Store(h, x)) {
			m.objects[h] = x
		}
	case 9:
		h := m.pick(p, other)
		x, err := m.s.Ptr(h)
		if m.stale("Ptr", h, err) {
			x.Key++
			want := m.objects[h]
			want.Key++
			m.objects[h] = want
		}
		if _, there := m.objects[h]; m.s.Has(h) != there {
			m.t.Fatalf("Has of %x is %v", h.Uint64(), !there)
		}
	case 10: // free during an iteration
		every := 2 + p.below(5)
		n := 0
		for h := range m.s.All() {
			if n++; n%every == 0 {
				m.check(m.s.Free(h))
				m.remove(h)
			}
		}
	case 11:
		_, err := m.s.Trim()
		if !errors.Is(err, errors.ErrUnsupported) {
			m.check(err)
		}
		m.whole()
	case 12:
		m.closeCaches()
	case 13:
		m.reopen(p.byte())
	}
}

// reopen closes a slab file and opens it again, or does what a process that is killed leaves
// behind: a copy of the file as it is.
func (m *slabModel) reopen(how byte) {
	if m.path == "" {
		return
	}
	if how%2 == 0 {
		image, err := os.ReadFile(m.path)
		m.check(err)
		m.check(m.s.Close())
		m.check(os.WriteFile(m.path, image, 0o666))
		ro, err := slab.Open[node](m.path)
		m.check(err)
		if ro.Len() != len(m.objects) {
			m.t.Fatalf("the copy has %d objects, want %d", ro.Len(), len(m.objects))
		}
		m.check(ro.Close())
	} else {
		m.check(m.s.Sync())
		m.check(m.s.Close())
	}
	m.caches = [2]*slab.Cache[node]{}
	m.salvage(int(how / 2))
	var err error
	m.s, err = slab.OpenMut[node](m.path)
	m.check(err)
	if st := m.s.Stats(); st.Cached != 0 {
		m.t.Fatalf("%+v", st)
	}
	m.whole()
}

// salvage cuts off a copy of the closed file after part of 127 parts of the slots, and compares
// what is saved of it.
func (m *slabModel) salvage(part int) {
	image, err := os.ReadFile(m.path)
	m.check(err)
	const slot = int(unsafe.Sizeof(node{}))
	start := int(container.WordsEnd(uint64(m.s.Cap())))
	left := m.s.Cap() * part / 127
	cut, path := m.path+".cut", m.path+".saved"
	m.check(os.WriteFile(cut, image[:min(start+left*slot, len(image))], 0o666))
	saved, lost, err := slab.Salvage[node](cut, path)
	m.check(err)
	s, err := slab.Open[node](path)
	m.check(err)
	n := 0
	for _, h := range m.known {
		want, live := m.objects[h]
		live = live && int(uint32(h.Uint64())) < left
		got, err := s.Load(h)
		if live && (err != nil || got != want) || !live && !errors.Is(err, slab.ErrStale) {
			m.t.Fatalf("object %x of a file with %d slots is %v, %v; want %v, %t", h.Uint64(), left, got, err, want, live)
		}
	}
	for h := range m.objects {
		if int(uint32(h.Uint64())) < left {
			n++
		}
	}
	if saved != n || lost != len(m.objects)-n || s.Len() != n {
		m.t.Fatalf("%d saved, %d lost, %d there; want %d of %d", saved, lost, s.Len(), n, len(m.objects))
	}
	m.check(errors.Join(s.Close(), os.Remove(cut), os.Remove(path)))
}

// FuzzSlab runs a program on three slabs, in memory, in memory with debug mode, and in a file, and
// compares them with maps.
func FuzzSlab(f *testing.F) {
	f.Add([]byte{4})
	f.Add([]byte("\x03\x00\x00\x05\x01\x02\x00\x10\x05\x00\x0d\x00\x07\x00"))
	f.Fuzz(func(t *testing.T, input []byte) {
		p := &program{input}
		dir := t.TempDir()
		if fast, err := os.MkdirTemp("/dev/shm", "typedmem"); err == nil {
			defer os.RemoveAll(fast)
			dir = fast
		}
		var all [3]*slabModel
		for i := range all {
			m := &slabModel{t: t, objects: map[slab.Handle[node]]node{}}
			capacity := 1 + p.below(250)
			var err error
			switch i {
			case 0:
				m.s, err = slab.New[node](capacity)
			case 1:
				c := slab.Config{Debug: true}
				if capacity%4 == 0 {
					c.GuardEvery = 3
				}
				if m.s, err = slab.With[node](capacity, c); errors.Is(err, errors.ErrUnsupported) {
					m.s, err = slab.New[node](capacity)
				}
			case 2:
				m.path = filepath.Join(dir, "slab")
				m.s, err = slab.Create[node](m.path, capacity)
			}
			m.check(err)
			all[i] = m
		}
		defer func() {
			for _, m := range all {
				if err := m.s.Close(); err != nil && !t.Failed() {
					t.Error(err)
				}
			}
		}()
		for p.more() {
			i := p.below(len(all))
			all[i].step(p, all[(i+1)%len(all)])
		}
		for _, m := range all {
			m.closeCaches()
			m.whole()
			for i := len(m.objects); i < m.s.Cap(); i++ {
				x := node{Key: uint64(i)}
				h, err := m.s.Insert(x)
				if err != nil {
					t.Fatalf("object %d of %d: %v", i, m.s.Cap(), err)
				}
				m.add(x, h, nil)
			}
			if _, err := m.s.Alloc(); !errors.Is(err, slab.ErrFull) {
				t.Fatalf("one more than %d: %v", m.s.Cap(), err)
			}
			m.whole()
			if err := m.s.Store(slab.Handle[node]{}, node{}); !errors.Is(err, slab.ErrStale) || errors.Is(err, typedmem.ErrClosed) {
				t.Fatal(err)
			}
		}
	})
}
