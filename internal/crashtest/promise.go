//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// object is what the files hold: 1,000 bytes, so that it lies across blocks, each word telling whose it is.
type object [125]uint64

func newObject(id uint64) (o object) {
	for i := range o {
		o[i] = id<<16 + uint64(i) + 1
	}
	return o
}

// A line of the machine says what a file holds, in words:
//
//	region NAME N     the first N elements are durable
//	lower NAME N      they may be only N from here on
//	slab NAME H ID    the object is durable
//	free NAME H       it may be gone from here on
//	gone NAME H       it is, durably
//	file NAME         the file is durable
type line struct {
	text string
	at   int64 // bytes of the disk's log when it was read: what it says is in them
}

// promised is what a file must hold.
type promised struct {
	elements int
	objects  map[uint64]uint64 // by handle
	gone     map[uint64]bool
}

// promises reads the lines that count where the log is cut at that byte. What may have gone is taken out whenever it was said: a line can be read late.
func promises(lines []line, cut int64) (map[string]*promised, error) {
	files := map[string]*promised{}
	file := func(name string) *promised {
		if files[name] == nil {
			files[name] = &promised{objects: map[uint64]uint64{}, gone: map[uint64]bool{}}
		}
		return files[name]
	}
	for _, l := range lines {
		var name string
		var a, b uint64
		word, _, _ := strings.Cut(l.text, " ")
		f := strings.Fields(l.text)
		if len(f) < 2 {
			continue
		}
		name = f[1]
		if len(f) > 2 {
			if _, err := fmt.Sscan(strings.Join(f[2:], " "), &a, &b); err != nil && len(f) > 3 {
				return nil, fmt.Errorf("line %q: %w", l.text, err)
			}
		}
		counts := l.at <= cut
		switch {
		case (word == "free" || word == "lower") && files[name] == nil: // nothing was acknowledged
		case word == "free":
			delete(file(name).objects, a)
		case word == "lower":
			file(name).elements = min(file(name).elements, int(a))
		case !counts:
		case word == "file":
			file(name)
		case word == "region":
			file(name).elements = int(a)
		case word == "slab":
			file(name).objects[a] = b
		case word == "gone":
			file(name).gone[a] = true
		}
	}
	return files, nil
}

// check opens every file of a folder, for reading and then for writing, and compares it with what was promised.
func check(dir string, files map[string]*promised) (opened int, err error) {
	for name := range files {
		if strings.HasPrefix(name, "r") || strings.HasPrefix(name, "s") {
			continue
		}
		return 0, fmt.Errorf("a file of the name %q", name)
	}
	names, err := filepath.Glob(filepath.Join(dir, "[rs]*"))
	if err != nil {
		return 0, err
	}
	for _, path := range names {
		p := files[filepath.Base(path)]
		delete(files, filepath.Base(path))
		if p == nil {
			p = &promised{}
		}
		look := checkSlab
		if filepath.Base(path)[0] == 'r' {
			look = checkRegion
		}
		for _, write := range []bool{false, true} {
			if err := look(path, p, write); err != nil {
				return opened, fmt.Errorf("%s (writing %v): %w", filepath.Base(path), write, err)
			}
			opened++
		}
	}
	for name := range files {
		return opened, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
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
