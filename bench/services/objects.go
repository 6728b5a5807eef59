package main

import (
	"errors"
	"fmt"
	"sync"
)

// object is what the cache holds: 96 bytes.
type object struct {
	ID    uint64 // the key
	Stamp int64
	Score float64
	Name  [32]byte
	Tags  [10]uint32
}

// objectCache maps keys to objects. Get may run in several goroutines.
type objectCache interface {
	Put(o *object) error // a copy of it, under o.ID, which is not there yet
	Get(key uint64) (o object, found bool, err error)
	Evict(key uint64) error
	Save() error
	Close() error
}

// flusher is a cache that works on what it is given later: put and evict end with a Flush.
type flusher interface{ Flush() error }

func objects() service {
	return service{
		name:   "objects",
		title:  "Object cache: put objects of 96 bytes, get as many at random by 2 goroutines, evict a fifth, save, restart, get a fifth as many",
		rows:   5_000_000,
		phases: []string{"put", "get", "evict", "save", restart, "get again"},
		judged: [][]string{{"put"}, {"evict"}, {"put", "evict", "save"}, {"get"}, {restart}, {"get again"}},
		expect: expectObjects,
		contenders: []contender{
			objectContender(contender{name: ours}, openObjectsTypedmem),
			objectContender(contender{name: "sharded map[K]*T + gob", heap: true, loads: true}, openObjectsSharded),
			objectContender(contender{name: "sync.Map + gob", heap: true, loads: true}, openObjectsSyncMap),
			objectContender(contender{name: "[]T + freelist + map, raw file", heap: true, loads: true, unsafe: true}, openObjectsFreelist),
			objectContender(contender{name: "ristretto + gob", heap: true, loads: true}, openObjectsRistretto),
			objectContender(contender{name: "freecache + file", heap: true, loads: true}, openObjectsFreecache),
			objectContender(contender{name: "bbolt", part: 10}, openObjectsBolt),
		},
	}
}

// objectAt returns the i-th object.
func objectAt(i int) object {
	key := keyAt(i)
	o := object{ID: key, Stamp: int64(i), Score: float64(i) / 4}
	for j := range o.Name {
		o.Name[j] = 'a' + byte(key>>j%16)
	}
	for j := range o.Tags {
		o.Tags[j] = uint32(key) + uint32(j)
	}
	return o
}

// keyAt returns the key of the i-th object. mix is a bijection: no two are the same.
func keyAt(i int) uint64 { return mix(uint64(i)) }

// sum is a number that depends on the first and last fields.
func (o *object) sum() uint64 {
	return o.ID ^ uint64(o.Stamp) + uint64(o.Name[31])<<32 + uint64(o.Tags[9])
}

// getAt is the number of the object of the i-th get, from first to rows.
func getAt(i, first, rows int) int { return first + int(mix(uint64(i)<<20+7)%uint64(rows-first)) }

// objectContender is the service over the cache that open returns for so many objects.
func objectContender(c contender, open func(dir string, rows int, create bool) (objectCache, error)) contender {
	return over(c, open, writeObjects, firstObject, readObjects)
}

func writeObjects(p *process, s objectCache) error {
	return errors.Join(
		p.phase("put", func() error {
			var o object // escapes: one for all
			for i := range p.Rows {
				o = objectAt(i)
				if err := s.Put(&o); err != nil {
					return err
				}
			}
			return flush(s)
		}),
		p.phase("get", func() error { return p.get("get", s, p.Rows, 0) }),
		p.phase("evict", func() error {
			for i := range p.Rows / 5 {
				if err := s.Evict(keyAt(i)); err != nil {
					return err
				}
			}
			return flush(s)
		}),
		p.phase("save", s.Save))
}

func firstObject(p *process, s objectCache) error {
	o, found, err := s.Get(keyAt(p.Rows - 1))
	p.result("first", found, " ", o.sum())
	return err
}

func readObjects(p *process, s objectCache) error {
	return errors.Join(
		p.phase("get again", func() error { return p.get("get again", s, p.Rows/5, p.Rows/5) }),
		p.evicted(s))
}

func flush(s objectCache) error {
	if f, ok := s.(flusher); ok {
		return f.Flush()
	}
	return nil
}

// get gets n objects at random, of those from first on, in two goroutines.
func (p *process) get(name string, s objectCache, n, first int) error {
	var sums [2]uint64
	var errs [2]error
	var wg sync.WaitGroup
	for g := range sums {
		wg.Go(func() {
			var sum uint64 // not in the array, whose elements share a cache line
			for i := g; i < n; i += 2 {
				o, found, err := s.Get(keyAt(getAt(i, first, p.Rows)))
				if err != nil || !found {
					errs[g] = errors.Join(fmt.Errorf("get %d: found is %t", i, found), err)
					return
				}
				sum += o.sum()
			}
			sums[g] = sum
		})
	}
	wg.Wait()
	p.result(name, sums[0]+sums[1])
	return errors.Join(errs[:]...)
}

// evicted looks for the objects that were evicted.
func (p *process) evicted(s objectCache) error {
	present := 0
	for i := range p.Rows / 5 {
		_, found, err := s.Get(keyAt(i))
		if err != nil {
			return err
		}
		if found {
			present++
		}
	}
	p.result("evicted and there", present)
	return nil
}

func expectObjects(rows int, _ string) (map[string]string, error) {
	gets := func(n, first int) (sum uint64) {
		for i := range n {
			o := objectAt(getAt(i, first, rows))
			sum += o.sum()
		}
		return sum
	}
	last := objectAt(rows - 1)
	return map[string]string{
		"get":               fmt.Sprint(gets(rows, 0)),
		"first":             fmt.Sprint(true, " ", last.sum()),
		"get again":         fmt.Sprint(gets(rows/5, rows/5)),
		"evicted and there": "0",
	}, nil
}
