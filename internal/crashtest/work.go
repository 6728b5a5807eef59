// Package crashtest writes region and slab files until it is killed, and knows what they must hold
// then. [Work] runs in a process that a test kills, and in a virtual machine that the program in vm
// kills.
package crashtest

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// Work is a random program over files that reports each step.
type Work struct {
	Dir   string
	Rand  *rand.Rand
	Out   *bufio.Writer
	Every bool // what is done counts, and not what was synced: the system goes on when the program is killed

	files   int
	regions map[string]*region.Region[object]
	slabs   map[string]*slabFile
	err     error
}

type slabFile struct {
	*slab.Slab[object]
	live  []slab.Handle[object]
	fresh map[slab.Handle[object]]uint64 // not said yet
	freed []slab.Handle[object]
}

// Run opens some of the files that are there and works until an error, which it returns.
func (w *Work) Run() error {
	w.regions, w.slabs = map[string]*region.Region[object]{}, map[string]*slabFile{}
	w.say("ready")
	entries, err := os.ReadDir(w.Dir)
	for _, e := range entries {
		w.files++ // so that new files may have the names of those that a kill left unfinished, and not of these
		if name := e.Name(); w.Rand.IntN(2) == 0 {
			switch name[0] {
			case 'r':
				w.openRegion(name)
			case 's':
				w.openSlab(name)
			}
		}
	}
	w.note(err)
	for w.err == nil {
		w.step()
	}
	return w.err
}

func (w *Work) path(name string) string { return filepath.Join(w.Dir, name) }

func (w *Work) say(format string, args ...any) {
	fmt.Fprintf(w.Out, format+"\n", args...)
	w.note(w.Out.Flush())
}

func (w *Work) step() {
	open := len(w.regions) + len(w.slabs)
	switch k := w.Rand.IntN(12); {
	case k == 0 && (open < 4 || w.Every) || open == 0:
		w.create()
	case len(w.regions) > 0 && k < 6:
		for name, r := range w.regions {
			w.region(name, r)
			break
		}
	case len(w.slabs) > 0:
		for name, s := range w.slabs {
			w.slab(name, s)
			break
		}
	}
}

func (w *Work) note(err error) bool {
	if err != nil && w.err == nil {
		w.err = err
	}
	return err == nil
}

func (w *Work) create() {
	var name string
	kind := "rs"[w.Rand.IntN(2)]
	for { // a file has its name for good
		w.files++
		name = fmt.Sprintf("%c%d", kind, w.files)
		if _, err := os.Lstat(w.path(name)); err != nil {
			break
		}
	}
	if kind == 'r' {
		r, err := region.Create[object](w.path(name), 0)
		if w.note(err) {
			w.regions[name] = r
		}
	} else {
		s, err := slab.Create[object](w.path(name), 50+w.Rand.IntN(400))
		if w.note(err) {
			w.slabs[name] = &slabFile{Slab: s, fresh: map[slab.Handle[object]]uint64{}}
		}
	}
	if w.Every {
		w.say("file %s", name)
	}
}

func (w *Work) openRegion(name string) {
	r, err := region.OpenMut[object](w.path(name))
	if w.note(err) {
		w.regions[name] = r
	}
}

// openSlab opens a slab. An object that was made and not said is one that may be gone.
func (w *Work) openSlab(name string) {
	again, err := slab.OpenMut[object](w.path(name))
	if !w.note(err) {
		return
	}
	s := &slabFile{Slab: again, fresh: map[slab.Handle[object]]uint64{}}
	for h := range again.All() {
		s.live = append(s.live, h)
	}
	w.slabs[name] = s
}

func (w *Work) region(name string, r *region.Region[object]) {
	said := func() { w.say("region %s %d", name, r.Len()) }
	switch k := w.Rand.IntN(10); {
	case k < 5:
		for range 1 + w.Rand.IntN(60) {
			if r.Len() < 3000 && w.note(r.Append(newObject(uint64(r.Len())))) && w.Every {
				said()
			}
		}
	case k == 5 && r.Len() > 0:
		n := w.Rand.IntN(r.Len())
		w.say("lower %s %d", name, n)
		w.note(r.Resize(n))
	case k < 9:
		if w.note(r.Sync()) {
			said()
		}
	default:
		n := r.Len()
		if !w.note(errors.Join(r.Sync(), r.Close())) {
			return
		}
		w.say("region %s %d", name, n)
		delete(w.regions, name)
		if w.Rand.IntN(4) > 0 {
			w.openRegion(name)
		}
	}
}

func (w *Work) slab(name string, s *slabFile) {
	said := func() {
		if w.Every {
			w.durable(name, s)
		}
	}
	switch k := w.Rand.IntN(10); {
	case k < 4:
		for range 1 + w.Rand.IntN(40) {
			id := w.Rand.Uint64() >> 20
			h, err := s.Insert(newObject(id))
			if errors.Is(err, slab.ErrFull) {
				return
			}
			if w.note(err) {
				s.fresh[h] = id
				s.live = append(s.live, h)
				said()
			}
		}
	case k < 6:
		for range w.Rand.IntN(20) {
			if len(s.live) == 0 {
				return
			}
			i := w.Rand.IntN(len(s.live))
			h := s.live[i]
			s.live[i] = s.live[len(s.live)-1]
			s.live = s.live[:len(s.live)-1]
			w.say("free %s %d", name, h.Uint64())
			delete(s.fresh, h)
			w.note(s.Free(h))
			s.freed = append(s.freed, h)
			said()
		}
	case k < 9:
		if w.note(s.Sync()) {
			w.durable(name, s)
		}
	default:
		if !w.note(s.Close()) {
			return
		}
		w.durable(name, s)
		delete(w.slabs, name)
		if w.Rand.IntN(4) > 0 {
			w.openSlab(name)
		}
	}
}

// durable reports the steps that are durable and were not reported yet.
func (w *Work) durable(name string, s *slabFile) {
	fmt.Fprintf(w.Out, "file %s\n", name)
	for h, id := range s.fresh {
		fmt.Fprintf(w.Out, "slab %s %d %d\n", name, h.Uint64(), id)
	}
	for _, h := range s.freed {
		fmt.Fprintf(w.Out, "gone %s %d\n", name, h.Uint64())
	}
	w.note(w.Out.Flush())
	clear(s.fresh)
	s.freed = nil
}
