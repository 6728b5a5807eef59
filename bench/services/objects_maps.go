package main

import (
	"path/filepath"
	"sync"
)

// shardedObjects is a map of pointers for each shard, behind a lock.
type shardedObjects struct {
	path   string
	shards [objectShards]struct {
		sync.RWMutex
		m map[uint64]*object
	}
}

func openObjectsSharded(dir string, rows int, create bool) (objectCache, error) {
	c := &shardedObjects{path: filepath.Join(dir, "objects.gob")}
	for i := range c.shards {
		c.shards[i].m = make(map[uint64]*object, rows/objectShards)
	}
	if create {
		return c, nil
	}
	return c, loadGob(c.path, func(o *object) error {
		c.shards[o.ID>>58].m[o.ID] = o
		return nil
	})
}

func (c *shardedObjects) Put(o *object) error {
	p := new(object)
	*p = *o
	t := &c.shards[o.ID>>58]
	t.Lock()
	defer t.Unlock()
	t.m[p.ID] = p
	return nil
}

func (c *shardedObjects) Get(key uint64) (o object, found bool, err error) {
	t := &c.shards[key>>58]
	t.RLock()
	defer t.RUnlock()
	p, found := t.m[key]
	if found {
		o = *p
	}
	return o, found, nil
}

func (c *shardedObjects) Evict(key uint64) error {
	t := &c.shards[key>>58]
	t.Lock()
	defer t.Unlock()
	delete(t.m, key)
	return nil
}

func (c *shardedObjects) Save() error {
	return saveGob(c.path, func(yield func(*object) bool) {
		for i := range c.shards {
			for _, o := range c.shards[i].m {
				if !yield(o) {
					return
				}
			}
		}
	})
}

func (c *shardedObjects) Close() error { return nil }

// syncMapObjects is a sync.Map of pointers.
type syncMapObjects struct {
	path string
	m    sync.Map
}

func openObjectsSyncMap(dir string, _ int, create bool) (objectCache, error) {
	c := &syncMapObjects{path: filepath.Join(dir, "objects.gob")}
	if create {
		return c, nil
	}
	return c, loadGob(c.path, func(o *object) error {
		c.m.Store(o.ID, o)
		return nil
	})
}

func (c *syncMapObjects) Put(o *object) error {
	p := new(object)
	*p = *o
	c.m.Store(p.ID, p)
	return nil
}

func (c *syncMapObjects) Get(key uint64) (o object, found bool, err error) {
	p, found := c.m.Load(key)
	if found {
		o = *p.(*object)
	}
	return o, found, nil
}

func (c *syncMapObjects) Evict(key uint64) error {
	c.m.Delete(key)
	return nil
}

func (c *syncMapObjects) Save() error {
	return saveGob(c.path, func(yield func(*object) bool) {
		c.m.Range(func(_, p any) bool { return yield(p.(*object)) })
	})
}

func (c *syncMapObjects) Close() error { return nil }
