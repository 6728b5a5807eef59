package slab_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem/internal/power"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// watch follows the file of that name from before there is one.
func watch(t *testing.T, path string) *power.Disk {
	d, stop := power.Watch(path, func() error { return nil })
	t.Cleanup(stop)
	t.Cleanup(func() {
		if err := d.Err(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// certain writes a file with only the data that a power failure is sure to leave.
func certain(t *testing.T, d *power.Disk, path string) {
	t.Helper()
	d.Aside(d.Look)
	if err := errors.Join(d.Lost(path, 0, nil), d.Err()); err != nil {
		t.Fatal(err)
	}
}

type wide struct {
	claim
	_ [24]uint64
}

// A large object is one of which few fit a step of growth.
type large struct {
	claim
	_ [500]uint64
}

var errPowerKilled = errors.New("the program is killed here")

// powerProgram runs a random program over a slab file and tracks what the file must hold.
type powerProgram[T any] struct {
	t     *testing.T
	r     *rand.Rand
	d     *power.Disk
	path  string
	lost  string
	debug bool

	copied bool // the file is a snapshot
	make   func(claim) T
	of     func(*T) claim
	s      *slab.Slab[T]
	where  string

	opened   int
	capacity int
	killIn   int // the point at which the program is killed, counted down

	history map[slab.Handle[T]][]claim // every value of every object ever
	live    map[slab.Handle[T]]bool
	handles []slab.Handle[T]
	synced  map[slab.Handle[T]]claim
	ended   map[slab.Handle[T]]bool // freed before the last Sync
	changed map[slab.Handle[T]]bool // freed or stored to since
	making  bool                    // an Insert is under way, whose handle nobody knows
}

// What may be on the device after a power failure is opened, at every point of every operation of
// random programs: what Sync acknowledged is there, and no handle that was ever given out becomes
// that of another object. The program is killed at such points, too. See power.Programs for how
// many there are.
func TestPowerFailureKeepsWhatWasSynced(t *testing.T) {
	testenv.PartialPages(t)
	programs, from := power.Programs(t)
	opened := 0
	for seed := from; seed < from+programs; seed++ {
		if seed%2 == 0 {
			opened += runPowerProgram(t, seed, func(c claim) wide { return wide{claim: c} }, func(x *wide) claim { return x.claim })
		} else {
			opened += runPowerProgram(t, seed, func(c claim) large { return large{claim: c} }, func(x *large) claim { return x.claim })
		}
	}
	t.Logf("%d programs, %d files opened", programs, opened)
}

func runPowerProgram[T any](t *testing.T, seed uint64, value func(claim) T, of func(*T) claim) int {
	r := rand.New(rand.NewPCG(seed, 9))
	dir, remove := power.Dir(t)
	defer remove()
	type handle = slab.Handle[T]
	p := &powerProgram[T]{t: t, r: r, path: filepath.Join(dir, "s"), lost: filepath.Join(dir, "lost"), make: value, of: of, capacity: 5 + r.IntN(60),
		debug:   seed%4 > 1,                         // debug mode promises the same
		copied:  seed%3 == 0 && !sys.FlushNeedsFile, // there a flush brings what calls wrote, which the model of the device does not know
		history: map[handle][]claim{}, live: map[handle]bool{}, synced: map[handle]claim{}, ended: map[handle]bool{}, changed: map[handle]bool{}}
	d, stop := power.Watch(p.path, p.point)
	defer stop()
	p.d = d
	defer func() {
		if t.Failed() {
			t.Logf("seed %d, %s", seed, p.where)
		}
	}()
	p.create()
	for step := range 60 {
		p.step(uint64(step) + seed<<32)
		p.killIn = 0
		d.Aside(func() { d.Look(); _ = p.point() })
		if err := d.Err(); err != nil {
			t.Skip(err)
		}
	}
	p.do("close", func() error { return p.s.Close() })
	return p.opened
}

// create makes a file: a new one, or a snapshot.
func (p *powerProgram[T]) create() {
	if p.copied {
		p.createSnapshot()
		return
	}
	p.do("create", func() (err error) {
		p.s, err = slab.OpenFile[T](p.path, slab.FileOptions{Write: true, Create: true, Capacity: p.capacity, Debug: p.debug})
		return err
	})
}

// createSnapshot makes the file from a slab in memory, and opens it.
func (p *powerProgram[T]) createSnapshot() {
	clear(p.live)
	m := testkit.Must(slab.New[T](p.capacity))(p.t)
	defer m.Close()
	for i := range p.r.IntN(p.capacity) {
		c := newClaim(uint64(len(p.history)), 1<<20)
		h := testkit.Must(m.Insert(p.make(c)))(p.t)
		p.history[h] = []claim{c}
		if i%3 != 0 {
			p.live[h] = true
		} else {
			testkit.Check(p.t, m.Free(h))
		}
	}
	p.s, p.killIn = nil, p.r.IntN(20)
	if p.do("snapshot", func() error { return m.Snapshot(p.path) }) {
		if power.Named && !p.d.Named() {
			p.t.Fatal("the snapshot's name is not on the device")
		}
		p.acknowledged()
		p.reopen("open the snapshot")
	}
}

// do carries out an operation, in which the program may be killed.
func (p *powerProgram[T]) do(name string, op func() error) (done bool) {
	p.where = name
	err := op()
	p.killIn = 0
	if !p.d.Dead() {
		if err != nil {
			p.t.Fatalf("%s: %v", name, err)
		}
		return true
	}
	if p.s != nil {
		_ = p.s.Close() // of a file that is no longer there
	}
	if err := p.d.Kill(); err != nil {
		p.t.Fatal(err)
	}
	if !p.d.There() {
		p.create()
		return false
	}
	p.reopen("open after a kill in " + name)
	return false
}

// reopen opens the file, and takes over what is there: an object whose Insert or Free was under way
// may be.
func (p *powerProgram[T]) reopen(name string) {
	if !p.do(name, func() (err error) {
		p.s, err = slab.OpenFile[T](p.path, slab.FileOptions{Write: true, Debug: p.debug})
		return err
	}) {
		return
	}
	p.handles = p.handles[:0]
	for h := range p.s.All() {
		x := testkit.Must(p.s.Load(h))(p.t)
		if p.history[h] == nil && !p.making || p.history[h] != nil && !p.live[h] && !p.changed[h] {
			p.t.Fatalf("%s: object %x is there", name, h.Uint64())
		}
		p.history[h] = append(p.history[h], p.of(&x))
		p.live[h] = true
		p.handles = append(p.handles, h)
	}
	for h := range p.live {
		if !p.s.Has(h) {
			p.t.Fatalf("%s: object %x is lost", name, h.Uint64())
		}
	}
	p.making = false
}

func (p *powerProgram[T]) acknowledged() {
	p.synced, p.changed = map[slab.Handle[T]]claim{}, map[slab.Handle[T]]bool{}
	for h := range p.live {
		p.synced[h] = p.history[h][len(p.history[h])-1]
	}
	for h := range p.history {
		p.ended[h] = !p.live[h]
	}
}

// step carries out a random operation.
func (p *powerProgram[T]) step(id uint64) {
	r := p.r
	if r.IntN(8) == 0 {
		p.killIn = 1 + r.IntN(8)
	}
	switch op := r.IntN(14); {
	case op < 6:
		for range 1 + r.IntN(4) {
			c := newClaim(id, 0)
			p.making = true
			var h slab.Handle[T]
			if !p.do("insert", func() (err error) {
				if h, err = p.s.Insert(p.make(c)); errors.Is(err, slab.ErrFull) {
					return nil
				}
				return err
			}) {
				return
			}
			p.making = false
			if h.IsZero() {
				return
			}
			p.history[h], p.live[h] = []claim{c}, true
			p.handles = append(p.handles, h)
		}
	case op < 9 && len(p.handles) > 0:
		i := r.IntN(len(p.handles))
		h := p.handles[i]
		p.handles = append(p.handles[:i], p.handles[i+1:]...)
		delete(p.live, h)
		p.changed[h] = true
		p.do("free", func() error { return p.s.Free(h) })
	case op == 9 && len(p.handles) > 0:
		h := p.handles[r.IntN(len(p.handles))]
		v := p.history[h]
		c := newClaim(v[0].ID, uint64(len(v)))
		p.history[h], p.changed[h] = append(v, c), true
		p.do("store", func() error { return p.s.Store(h, p.make(c)) })
	case op < 12:
		if p.do("sync", func() error { return p.s.Sync() }) {
			if power.Named && !p.d.Named() {
				p.t.Fatal("the file's name is not on the device")
			}
			p.acknowledged()
		}
	case op == 12:
		if p.do("close", func() error { return p.s.Close() }) {
			p.acknowledged()
			p.reopen("open")
		}
	case op == 13 && r.IntN(3) == 0:
		p.d.Flush() // much later
	}
}

// point is where the power may fail, or the program be killed.
func (p *powerProgram[T]) point() error {
	if p.killIn--; p.killIn == 0 {
		return errPowerKilled
	}
	if p.d.There() && p.r.IntN(3) == 0 {
		p.failure()
	}
	return nil
}

// failure opens a file that a power failure leaves now.
func (p *powerProgram[T]) failure() {
	style := p.r.IntN(power.Styles)
	for _, open := range []func(string) (*slab.Slab[T], error){slab.Open[T], slab.OpenMut[T]} {
		if err := p.d.Lost(p.lost, style, p.r); err != nil {
			p.t.Fatal(err)
		}
		s, err := open(p.lost)
		if err != nil {
			p.t.Fatalf("%s, style %d: %v", p.where, style, err)
		}
		p.opened++
		p.check(s)
		if p.opened%2 == 0 { // the one for writing
			for n := s.Len(); n < p.capacity; n++ {
				h, err := s.Alloc()
				if err != nil {
					p.t.Fatalf("%s: object %d of %d: %v", p.where, n, p.capacity, err)
				}
				if p.history[h] != nil {
					p.t.Fatalf("%s: handle %x was that of %v", p.where, h.Uint64(), p.history[h])
				}
			}
		}
		if err := s.Close(); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *powerProgram[T]) check(s *slab.Slab[T]) {
	for h, c := range p.synced {
		x, err := s.Load(h)
		got := p.of(&x)
		switch {
		case !p.changed[h] && (err != nil || got != c):
			p.t.Fatalf("%s: object %x is %v (%v), %v was synced", p.where, h.Uint64(), got, err, c)
		case p.live[h] && err != nil:
			p.t.Fatalf("%s: object %x: %v", p.where, h.Uint64(), err)
		}
	}
	for h, yes := range p.ended {
		if yes && s.Has(h) {
			p.t.Fatalf("%s: object %x is back", p.where, h.Uint64())
		}
	}
	strangers := 0
	for h := range s.All() {
		if p.history[h] == nil {
			strangers++
		}
	}
	if strangers > 1 || strangers == 1 && !p.making {
		p.t.Fatalf("%s: %d objects that nobody made", p.where, strangers)
	}
}

// neverAgain fills the slab: no object gets the handle h.
func neverAgain[T any](t *testing.T, path string, h slab.Handle[T]) {
	t.Helper()
	s := testkit.Must(slab.OpenMut[T](path))(t)
	defer s.Close()
	if s.Has(h) {
		t.Fatalf("object %x is there: the test loses nothing", h.Uint64())
	}
	for s.Len() < s.Cap() {
		if again := testkit.Must(s.Alloc())(t); again == h {
			t.Fatalf("handle %x is given out again", h.Uint64())
		}
	}
}

// The power fails before anything was synced: the handle of an object that is lost is no other
// object's. The file is new, or was closed long ago.
func TestPowerFailureBeforeTheFirstSync(t *testing.T) {
	for name, opened := range map[string]bool{"new": false, "opened": true} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(testkit.FastDir(t), "s")
			d := watch(t, path)
			s := testkit.Must(slab.Create[uint64](path, 1000))(t)
			if opened {
				testkit.Must(s.Insert(1))(t)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				d.Flush()
				s = testkit.Must(slab.OpenMut[uint64](path))(t)
			}
			h := testkit.Must(s.Insert(1))(t)
			lost := filepath.Join(testkit.FastDir(t), "lost")
			certain(t, d, lost)
			neverAgain(t, lost, h)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A writer is killed while it makes room, before the length that it published is on the device. The
// next one uses the new slots, and the power fails.
func TestPowerFailureAfterAKillInGrowth(t *testing.T) {
	testenv.PartialPages(t)
	type object = [512]uint64
	path := filepath.Join(testkit.FastDir(t), "s")
	s := testkit.Must(slab.Create[object](path, 1000))(t)
	defer s.Close()
	testkit.Must(s.Alloc())(t)
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(testkit.FastDir(t), "killed")
	d := watch(t, copied)
	copyTo := func() {
		if err := os.WriteFile(copied, testkit.Must(os.ReadFile(path))(t), 0o666); err != nil {
			t.Error(err)
		}
	}
	copyTo()
	d.Flush()
	grown := false
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpFlush && !grown {
			grown = true
			copyTo() // what the page cache holds if the writer is killed now
		}
		return nil
	})
	for !grown {
		testkit.Must(s.Alloc())(t)
	}
	restore()
	slots := s.Len() // the last one follows the length that is on the device
	next := testkit.Must(slab.OpenMut[object](copied))(t)
	defer next.Close()
	var h slab.Handle[object]
	for next.Len() < slots {
		h = testkit.Must(next.Alloc())(t)
	}
	lost := filepath.Join(testkit.FastDir(t), "lost")
	certain(t, d, lost)
	neverAgain(t, lost, h)
}
