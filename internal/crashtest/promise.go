package crashtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// object is what the files hold: 1,000 bytes, so that it lies across blocks, each word telling
// whose it is.
type object [125]uint64

func newObject(id uint64) (o object) {
	for i := range o {
		o[i] = id<<16 + uint64(i) + 1
	}
	return o
}

// Promises are what files must hold, by name. A line of [Work] says in words:
//
//	region NAME N     the first N elements count
//	lower NAME N      they may be only N from here on
//	slab NAME H ID    the object counts
//	free NAME H       it may be gone from here on
//	gone NAME H       it is
//	file NAME         the file counts
type Promises map[string]*promised

type promised struct {
	elements int
	objects  map[uint64]uint64 // by handle
	gone     map[uint64]bool
}

// Take takes a line in. What may have gone is taken out whether it counts or not: a line can be
// read late.
func (p Promises) Take(text string, counts bool) error {
	var word, name string
	var a, b uint64
	n, _ := fmt.Sscan(text, &word, &name, &a, &b)
	switch words := map[string]int{"file": 2, "region": 3, "lower": 3, "free": 3, "gone": 3, "slab": 4}[word]; {
	case words == 0: // what a kernel says
		return nil
	case n < words:
		return fmt.Errorf("line %q", text)
	}
	f := p[name]
	if f == nil {
		if !counts || word == "free" || word == "lower" { // nothing was acknowledged
			return nil
		}
		f = &promised{objects: map[uint64]uint64{}, gone: map[uint64]bool{}}
		p[name] = f
	}
	switch {
	case word == "free":
		delete(f.objects, a)
	case word == "lower":
		f.elements = min(f.elements, int(a))
	case !counts:
	case word == "region":
		f.elements = int(a)
	case word == "slab":
		f.objects[a] = b
	case word == "gone":
		f.gone[a] = true
	}
	return nil
}

// Check opens every file of a folder, for reading and then for writing, and compares it with what
// was promised.
func (p Promises) Check(dir string) (opened int, err error) {
	for name := range p {
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			return 0, err
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, "[rs]*"))
	if err != nil {
		return 0, err
	}
	for _, path := range paths {
		f := p[filepath.Base(path)]
		if f == nil {
			f = &promised{}
		}
		look := checkSlab
		if filepath.Base(path)[0] == 'r' {
			look = checkRegion
		}
		for _, write := range []bool{false, true} {
			if err := look(path, f, write); err != nil {
				return opened, fmt.Errorf("%s (writing %v): %w", filepath.Base(path), write, err)
			}
			opened++
		}
	}
	return opened, nil
}

func checkRegion(path string, p *promised, write bool) error {
	open := region.Open[object]
	if write {
		open = region.OpenMut[object]
	}
	r, err := open(path)
	if err != nil {
		return err
	}
	if r.Len() < p.elements {
		err = fmt.Errorf("%d elements, %d were acknowledged", r.Len(), p.elements)
	}
	for i := 0; i < p.elements && err == nil; i++ {
		if x := r.At(i); x != newObject(uint64(i)) {
			err = fmt.Errorf("element %d of %d begins with %d and ends with %d", i, p.elements, x[0], x[len(x)-1])
		}
	}
	return errors.Join(err, r.Close())
}

func checkSlab(path string, p *promised, write bool) error {
	open := slab.Open[object]
	if write {
		open = slab.OpenMut[object]
	}
	s, err := open(path)
	if err != nil {
		return err
	}
	all := map[uint64]slab.Handle[object]{}
	for h := range s.All() {
		all[h.Uint64()] = h
	}
	for u, id := range p.objects {
		x, e := s.Load(all[u])
		if e != nil || x != newObject(id) {
			err = fmt.Errorf("object %d with handle %x begins with %d and ends with %d (%w)", id, u, x[0], x[len(x)-1], e)
		}
	}
	for u := range p.gone {
		if _, there := all[u]; there {
			err = fmt.Errorf("handle %x is back", u)
		}
	}
	return errors.Join(err, s.Close())
}
