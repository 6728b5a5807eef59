package main

import (
	"errors"
	"io"
	"path/filepath"

	"github.com/coocood/freecache"
)

// freecacheObjects holds encoded objects in rings of bytes, with room for all.
type freecacheObjects struct {
	cache *freecache.Cache
	path  string
}

func openObjectsFreecache(dir string, rows int, create bool) (objectCache, error) {
	c := &freecacheObjects{freecache.NewCache(rows * 2 * objectSize), filepath.Join(dir, "objects.bytes")}
	if create {
		return c, nil
	}
	return c, loadFile(c.path, func(r io.Reader) error {
		for b := make([]byte, objectSize); ; {
			if _, err := io.ReadFull(r, b); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			o := decodeObject(b)
			if err := c.Put(&o); err != nil {
				return err
			}
		}
	})
}

func (c *freecacheObjects) Put(o *object) error {
	var buf [objectSize]byte
	return c.cache.SetInt(int64(o.ID), o.encode(buf[:0]), 0)
}

func (c *freecacheObjects) Get(key uint64) (o object, found bool, err error) {
	b, err := c.cache.GetInt(int64(key))
	if errors.Is(err, freecache.ErrNotFound) {
		return o, false, nil
	}
	if err != nil {
		return o, false, err
	}
	return decodeObject(b), true, nil
}

func (c *freecacheObjects) Evict(key uint64) error {
	c.cache.DelInt(int64(key))
	return nil
}

func (c *freecacheObjects) Save() error {
	return saveFile(c.path, func(w io.Writer) error {
		all := c.cache.NewIterator()
		for e := all.Next(); e != nil; e = all.Next() {
			if _, err := w.Write(e.Value); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *freecacheObjects) Close() error { return nil }
