package main

import (
	"errors"
	"path/filepath"
	"sync"

	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// typedmemObjects is a slab file of objects, and a region file with the handle of each key: hash
// tables with linear probing, one for each shard. A restart opens both and reads neither.
type typedmemObjects struct {
	slab   *slab.Slab[object]
	index  *region.Region[entry]
	shards [objectShards]indexShard
}

const objectShards = 64

// entry is a slot of a table; a handle of 0 marks a free one.
type entry struct{ Key, Handle uint64 }

type indexShard struct {
	sync.RWMutex
	slots []entry // a power of two
}

func openObjectsTypedmem(dir string, rows int, create bool) (objectCache, error) {
	slots := 1
	for slots < rows/objectShards*3/2+16 {
		slots *= 2
	}
	s, err := slab.OpenFile[object](filepath.Join(dir, "objects.tm"), slab.FileOptions{Write: true, Create: create, Capacity: rows})
	if err != nil {
		return nil, err
	}
	index, err := region.OpenFile[entry](filepath.Join(dir, "index.tm"),
		region.FileOptions{Write: true, Create: create, Len: slots * objectShards})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	c := &typedmemObjects{slab: s, index: index}
	all := index.Slice()
	for i := range c.shards {
		c.shards[i].slots = all[i*slots : (i+1)*slots]
	}
	return c, nil
}

// shard returns the shard of a key, which its upper bits choose.
func (c *typedmemObjects) shard(key uint64) *indexShard { return &c.shards[key>>58] }

// find returns the slot of the key, or the free one where it would be.
func (t *indexShard) find(key uint64) int {
	mask := len(t.slots) - 1
	i := int(key) & mask
	for t.slots[i].Handle != 0 && t.slots[i].Key != key {
		i = (i + 1) & mask
	}
	return i
}

// remove frees slot i. Entries after it that were not put in their own slot move up.
func (t *indexShard) remove(i int) {
	mask := len(t.slots) - 1
	for j := (i + 1) & mask; t.slots[j].Handle != 0; j = (j + 1) & mask {
		if home := int(t.slots[j].Key) & mask; (j-home)&mask >= (j-i)&mask {
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = entry{}
}

func (c *typedmemObjects) Put(o *object) error {
	h, err := c.slab.Insert(*o)
	if err != nil {
		return err
	}
	t := c.shard(o.ID)
	t.Lock()
	defer t.Unlock()
	t.slots[t.find(o.ID)] = entry{o.ID, h.Uint64()}
	return nil
}

func (c *typedmemObjects) Get(key uint64) (o object, found bool, err error) {
	t := c.shard(key)
	t.RLock()
	h := t.slots[t.find(key)].Handle
	t.RUnlock()
	if h == 0 {
		return o, false, nil
	}
	o, err = c.slab.Load(slab.HandleFrom[object](h))
	return o, err == nil, err
}

func (c *typedmemObjects) Evict(key uint64) error {
	t := c.shard(key)
	t.Lock()
	i := t.find(key)
	h := t.slots[i].Handle
	if h != 0 {
		t.remove(i)
	}
	t.Unlock()
	if h == 0 {
		return nil
	}
	return c.slab.Free(slab.HandleFrom[object](h))
}

func (c *typedmemObjects) Save() error  { return errors.Join(c.slab.Sync(), c.index.Sync()) }
func (c *typedmemObjects) Close() error { return errors.Join(c.index.Close(), c.slab.Close()) }
