package main

import (
	"errors"
	"io"
	"path/filepath"
	"sync"
)

// freelistObjects is one slice of objects without pointers, a list of free elements and a map from
// keys to elements. Nothing notices the use of an element that was freed.
type freelistObjects struct {
	path string
	sync.RWMutex
	objects []object
	free    []uint32
	at      map[uint64]uint32
}

func openObjectsFreelist(dir string, rows int, create bool) (objectCache, error) {
	c := &freelistObjects{path: filepath.Join(dir, "objects.raw")}
	c.objects, c.at = make([]object, 0, rows), make(map[uint64]uint32, rows)
	if create {
		return c, nil
	}
	return c, loadFile(c.path, func(r io.Reader) error {
		for one := make([]object, 1); ; {
			if _, err := io.ReadFull(r, bytesOf(one)); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if err := c.Put(&one[0]); err != nil {
				return err
			}
		}
	})
}

func (c *freelistObjects) Put(o *object) error {
	c.Lock()
	defer c.Unlock()
	if n := len(c.free); n > 0 {
		i := c.free[n-1]
		c.free = c.free[:n-1]
		c.objects[i], c.at[o.ID] = *o, i
		return nil
	}
	c.at[o.ID] = uint32(len(c.objects))
	c.objects = append(c.objects, *o)
	return nil
}

func (c *freelistObjects) Get(key uint64) (o object, found bool, err error) {
	c.RLock()
	defer c.RUnlock()
	i, found := c.at[key]
	if found {
		o = c.objects[i]
	}
	return o, found, nil
}

func (c *freelistObjects) Evict(key uint64) error {
	c.Lock()
	defer c.Unlock()
	if i, ok := c.at[key]; ok {
		delete(c.at, key)
		c.free = append(c.free, i)
	}
	return nil
}

func (c *freelistObjects) Save() error {
	return saveFile(c.path, func(w io.Writer) error {
		for _, i := range c.at {
			if _, err := w.Write(bytesOf(c.objects[i : i+1])); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *freelistObjects) Close() error { return nil }
