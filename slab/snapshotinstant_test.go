package slab_test

import (
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// A moved object is of one of the goroutines that change a slab while it is saved.
type moved struct {
	Who, Kind, N uint64
	Rest         [5]uint64 // each N, in an object that is whole
}

func newMoved(who, kind, n uint64) moved {
	return moved{who, kind, n, [5]uint64{n, n, n, n, n}}
}

const (
	account = iota // two of a goroutine: together they hold what it has
	later          // two of a goroutine: N of the first is that of the second, or 1 more
	chain          // inserted in order and freed in order: a run of numbers
	cached         // the same through a Cache
	movedKinds

	wealth = 1000
	links  = 50 // how many of a chain live
)

// mover changes objects until stop is set.
type mover struct {
	t     *testing.T
	s     *slab.Slab[moved]
	who   uint64
	stop  *atomic.Bool
	steps *atomic.Uint64
}

func (m *mover) insert(kind, n uint64) slab.Handle[moved] {
	h, err := m.s.Insert(newMoved(m.who, kind, n))
	if err != nil {
		m.t.Error(err)
	}
	return h
}

func (m *mover) run() {
	a, b := m.insert(account, wealth), m.insert(account, 0)
	x, y := m.insert(later, 1<<32), m.insert(later, 0)
	c := m.s.Cache()
	var chained, inCache []slab.Handle[moved]
	for n := uint64(1); !m.stop.Load(); n++ {
		from, to := a, b
		if n/100%2 == 1 {
			from, to = b, a
		}
		err := m.s.Update(from, func(p *moved) {
			if p.N == 0 {
				return
			}
			*p = newMoved(m.who, account, p.N-1)
			err := m.s.Update(to, func(q *moved) { *q = newMoved(m.who, account, q.N+1) })
			if err != nil {
				m.t.Error(err)
			}
		})
		err = errors.Join(err, m.s.Store(x, newMoved(m.who, later, 1<<32+n)), m.s.Store(y, newMoved(m.who, later, n)))
		chained = append(chained, m.insert(chain, n))
		h, err2 := c.Insert(newMoved(m.who, cached, n))
		inCache = append(inCache, h)
		err = errors.Join(err, err2)
		if len(chained) > links {
			err = errors.Join(err, m.s.Free(chained[0]), c.Free(inCache[0]))
			chained, inCache = chained[1:], inCache[1:]
		}
		if err != nil {
			m.t.Error(err)
			return
		}
		m.steps.Add(1)
	}
	if err := c.Close(); err != nil {
		m.t.Error(err)
	}
}

// ofOneInstant checks what a snapshot has of each mover.
func ofOneInstant(t *testing.T, s *slab.Slab[moved], movers uint64, stores bool) {
	t.Helper()
	type seen struct {
		n                 [movedKinds]int
		least, most       [movedKinds]uint64
		sum, first, other uint64
	}
	of := make([]seen, movers)
	for h, x := range s.Values() {
		if stores && x != newMoved(x.Who, x.Kind, x.N) {
			t.Fatalf("object %v is no whole: %v", h, x)
		}
		m := &of[x.Who]
		if m.n[x.Kind]++; m.n[x.Kind] == 1 {
			m.least[x.Kind], m.most[x.Kind] = x.N, x.N
		}
		m.least[x.Kind], m.most[x.Kind] = min(m.least[x.Kind], x.N), max(m.most[x.Kind], x.N)
		switch {
		case x.Kind == account:
			m.sum += x.N
		case x.Kind == later && x.N >= 1<<32:
			m.first = x.N - 1<<32
		case x.Kind == later:
			m.other = x.N
		}
	}
	for who, m := range of {
		if stores && m.n[account] == 2 && m.sum != wealth {
			t.Fatalf("%d: %d in both accounts", who, m.sum)
		}
		if stores && m.n[later] == 2 && m.first != m.other && m.first != m.other+1 {
			t.Fatalf("%d: stored %d, and %d after it", who, m.first, m.other)
		}
		for _, k := range []int{chain, cached} {
			if n := m.n[k]; n > links+1 || n > 0 && m.most[k]-m.least[k] != uint64(n)-1 || m.most[k] > links && n < links {
				t.Fatalf("%d: %d objects of kind %d, from %d to %d", who, n, k, m.least[k], m.most[k])
			}
		}
		// The chain grows first, after both are stored to; all by one goroutine.
		if stores && (m.most[chain] > m.other || m.other > m.most[chain]+1 || m.most[cached] > m.most[chain] || m.most[chain] > m.most[cached]+1) {
			t.Fatalf("%d: stored %d, inserted %d, in the cache %d", who, m.other, m.most[chain], m.most[cached])
		}
	}
}

// Snapshots of a slab that several goroutines change all the time: each is of one instant, whatever
// the slab is, and the goroutines go on.
func TestSnapshotIsOfOneInstant(t *testing.T) {
	const movers, capacity = 3, 20_000
	file := func(o slab.FileOptions) func() *slab.Slab[moved] {
		o.Write, o.Create, o.Capacity = true, true, capacity
		return func() *slab.Slab[moved] {
			return testkit.Must(slab.OpenFile[moved](filepath.Join(testkit.FastDir(t), "s"), o))(t)
		}
	}
	with := func(c slab.Config) func() *slab.Slab[moved] {
		return func() *slab.Slab[moved] { return testkit.Must(slab.With[moved](capacity, c))(t) }
	}
	for name, open := range map[string]func() *slab.Slab[moved]{
		"memory": with(slab.Config{}), "debug": with(slab.Config{Debug: true}), "guards": with(slab.Config{GuardEvery: 2}),
		"file": file(slab.FileOptions{}), "debug file": file(slab.FileOptions{Debug: true}),
	} {
		t.Run(name, func(t *testing.T) {
			s := open()
			var stop atomic.Bool
			var steps atomic.Uint64
			var wg sync.WaitGroup
			for who := range uint64(movers) {
				wg.Add(1)
				go func() {
					defer wg.Done()
					(&mover{t, s, who, &stop, &steps}).run()
				}()
			}
			path := filepath.Join(testkit.FastDir(t), "snapshot")
			for start, n := time.Now(), 0; n < testkit.Cond(testing.Short() || raceBuild, 10, 100); n++ {
				before := steps.Load()
				saved := path + string(rune('a'+n))
				testkit.Check(t, s.Snapshot(saved))
				copied := testkit.Must(slab.Open[moved](saved))(t)
				ofOneInstant(t, copied, movers, true)
				testkit.Check(t, copied.Close())
				for steps.Load() == before && !t.Failed() {
					time.Sleep(time.Microsecond)
				}
				if time.Since(start) > 20*time.Second {
					t.Logf("%d snapshots", n)
					break
				}
			}
			stop.Store(true)
			wg.Wait()
			testkit.Check(t, s.Close())
		})
	}
}

// Beside a writer in another process the objects that are there are of one instant.
func TestAReadersSnapshotHasTheObjectsOfOneInstant(t *testing.T) {
	path := filepath.Join(testkit.FastDir(t), "s")
	w := testkit.Must(slab.Create[moved](path, 20_000))(t)
	testkit.CloseLater(t, w)
	r := testkit.Must(slab.Open[moved](path))(t)
	testkit.CloseLater(t, r)
	m := &mover{t: t, s: w}
	var all []slab.Handle[moved]
	for n := range testkit.Cond(testing.Short() || raceBuild, 10, 100) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 300 {
				all = append(all, m.insert(chain, uint64(n*300+i)))
				if len(all) > links {
					testkit.Check(t, w.Free(all[0]))
					all = all[1:]
				}
				for start := time.Now(); time.Since(start) < 10*time.Microsecond; {
				}
			}
		}()
		saved := path + string(rune('a'+n))
		testkit.Check(t, r.Snapshot(saved))
		s := testkit.Must(slab.Open[moved](saved))(t)
		ofOneInstant(t, s, 1, false)
		testkit.Check(t, s.Close())
		<-done
	}
}
