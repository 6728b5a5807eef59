package main

import (
	"path/filepath"

	"github.com/dgraph-io/ristretto/v2"
)

// ristrettoObjects is a ristretto cache of pointers, with room for all.
type ristrettoObjects struct {
	*ristretto.Cache[uint64, *object]
	path string
}

func openObjectsRistretto(dir string, rows int, create bool) (objectCache, error) {
	cache, err := ristretto.NewCache(&ristretto.Config[uint64, *object]{
		NumCounters: int64(rows) * 10, MaxCost: int64(rows), BufferItems: 64, IgnoreInternalCost: true,
	})
	if err != nil {
		return nil, err
	}
	c := &ristrettoObjects{cache, filepath.Join(dir, "objects.gob")}
	if create {
		return c, nil
	}
	if err := loadGob(c.path, c.keep); err != nil {
		return nil, err
	}
	return c, c.Flush()
}

// keep sets the object again where the cache had no room in its queue.
func (c *ristrettoObjects) keep(o *object) error {
	for !c.Set(o.ID, o, 1) {
		c.Wait()
	}
	return nil
}

func (c *ristrettoObjects) Put(o *object) error {
	p := new(object)
	*p = *o
	return c.keep(p)
}

func (c *ristrettoObjects) Get(key uint64) (o object, found bool, err error) {
	p, found := c.Cache.Get(key)
	if found {
		o = *p
	}
	return o, found, nil
}

func (c *ristrettoObjects) Evict(key uint64) error {
	c.Del(key)
	return nil
}

func (c *ristrettoObjects) Flush() error {
	c.Wait()
	return nil
}

func (c *ristrettoObjects) Save() error {
	return saveGob(c.path, func(yield func(*object) bool) {
		c.IterValues(func(o *object) (stop bool) { return !yield(o) })
	})
}

func (c *ristrettoObjects) Close() error {
	c.Cache.Close()
	return nil
}
