package slab_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/slab"
)

const sector = 512 // bytes that a device writes as a whole

// disk is what a device may hold of a file: of each sector the contents that are known to be there, and all that the file had since.
type disk struct {
	t        *testing.T
	path     string
	last     []byte
	versions map[int][][]byte
	sizes    []int
	flushes  int
	mu       sync.Mutex // the collector releases mappings in goroutines of its own
}

// watch follows the file of that name from before there is one.
func watch(t *testing.T, path string) *disk {
	d := &disk{t: t, path: path, versions: map[int][][]byte{}}
	t.Cleanup(sys.Interpose(d.interpose))
	return d
}

func (d *disk) image() []byte {
	b, err := os.ReadFile(d.path)
	if errors.Is(err, fs.ErrNotExist) { // it is being made
		b, err = os.ReadFile(d.maker())
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.t.Fatal(err)
	}
	return b
}

// maker is the name that the file has while Create makes it.
func (d *disk) maker() string {
	return filepath.Join(filepath.Dir(d.path), "."+filepath.Base(d.path)+".typedmem-0")
}

// look notes what has changed since the last look.
func (d *disk) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.compare()
}

func (d *disk) compare() {
	now := d.image()
	if len(now) != len(d.last) {
		d.sizes = append(d.sizes, len(now))
	}
	for at := 0; at < len(now); at += sector {
		s := now[at:min(at+sector, len(now))]
		if at+len(s) > len(d.last) || !bytes.Equal(s, d.last[at:at+len(s)]) {
			d.versions[at] = append(d.versions[at], bytes.Clone(s))
		}
	}
	d.last = now
}

// flush notes that a part of the file is on the device now.
func (d *disk) flush(off, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.compare()
	d.flushes++
	d.sizes = []int{len(d.last)}
	for at := off / sector * sector; at < min(off+n, len(d.last)); at += sector {
		d.versions[at] = [][]byte{d.last[at:min(at+sector, len(d.last))]}
	}
}

// interpose follows the calls that make something durable.
func (d *disk) interpose(c sys.Call) error {
	switch c.Op {
	case sys.OpFlush:
		area, ok, err := typedmem.AreaAt(typedmem.Self, c.Addr)
		if err != nil || !ok {
			d.t.Skip("this system does not tell what is mapped where: ", err)
		}
		if name := filepath.Base(area.Path); name == filepath.Base(d.path) || name == filepath.Base(d.maker()) {
			d.flush(int(area.Offset)+int(c.Addr-area.Start), c.Len)
		}
	case sys.OpSyncFile:
		if info, err := c.File.Stat(); err == nil && info.Mode().IsRegular() {
			d.flush(0, 1<<30)
		}
	case sys.OpAllocate, sys.OpMap, sys.OpZero:
		d.look()
	}
	return nil
}

// crash makes a file of what may be there after a power failure: of each sector any version since it was flushed.
func (d *disk) crash(r *rand.Rand, path string) {
	mode := r.IntN(4)
	d.lose(path, func(versions int) int {
		pick := r.IntN(versions)
		switch {
		case mode == 0:
			pick = 0
		case mode == 1:
			pick = versions - 1
		case mode == 2 && r.IntN(2) == 0:
			pick = versions - 1
		}
		return pick
	})
}

// oldest makes a file of what is certain to be there after a power failure, and nothing else.
func (d *disk) oldest(path string) { d.lose(path, func(int) int { return 0 }) }

// lose makes a file of one version of its size and of each sector.
func (d *disk) lose(path string, pick func(versions int) int) {
	d.look()
	d.mu.Lock()
	defer d.mu.Unlock()
	size := d.sizes[pick(len(d.sizes))]
	image := make([]byte, size)
	for at := 0; at < size; at += sector {
		if v := d.versions[at]; len(v) > 0 {
			copy(image[at:], v[pick(len(v))])
		}
	}
	// Another run of the system: a live record that is there is that of the one before. One that is not stays zero.
	if boot := image[32<<10:][:16]; !bytes.Equal(boot, make([]byte, 16)) {
		for i := range boot {
			boot[i] ^= 0x5a
		}
	}
	if err := os.WriteFile(path, image, 0o666); err != nil {
		d.t.Fatal(err)
	}
}

type wide struct {
	claim
	_ [24]uint64
}

// What may be on the device after a power failure is opened, at every step of a random program: what Sync acknowledged is there, and no handle
// that was ever given out becomes that of another object.
func TestPowerFailureKeepsWhatWasSynced(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 2
	}
	if n, err := strconv.ParseUint(os.Getenv("TYPEDMEM_POWER_SEEDS"), 10, 64); err == nil {
		seeds = n
	}
	opened := 0
	for seed := range seeds {
		opened += powerFailures(t, seed, slab.Config{Debug: seed%2 == 1}) // debug mode promises the same
	}
	t.Logf("%d images opened", opened)
}

func powerFailures(t *testing.T, seed uint64, cfg slab.Config) (opened int) {
	r := rand.New(rand.NewPCG(seed, 9))
	capacity := 5 + r.IntN(100)
	d := watch(t, filepath.Join(fastDir(t), "s"))
	s := must[*slab.Slab[wide]](t)(slab.CreateWith[wide](d.path, capacity, cfg))
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}

	type handle = slab.Handle[wide]
	history := map[handle][]claim{} // every value of every object ever
	live, synced := map[handle]bool{}, map[handle]claim{}
	ended := map[handle]bool{}   // freed before the last Sync
	changed := map[handle]bool{} // freed or stored to since
	var handles []handle
	lost := filepath.Join(fastDir(t), "lost")
	for step := range 200 {
		switch op := r.IntN(12); {
		case op < 5:
			c := newClaim(uint64(step)+seed<<32, 0)
			h, err := s.Insert(wide{claim: c})
			if err != nil {
				is(t, err, slab.ErrFull)
				continue
			}
			history[h], live[h] = []claim{c}, true
			handles = append(handles, h)
		case op < 9 && len(handles) > 0:
			i := r.IntN(len(handles))
			h := handles[i]
			handles = append(handles[:i], handles[i+1:]...)
			if err := s.Free(h); err != nil {
				t.Fatal(err)
			}
			delete(live, h)
			changed[h] = true
		case op == 9 && len(handles) > 0:
			h := handles[r.IntN(len(handles))]
			v := history[h]
			c := newClaim(v[0].ID, uint64(len(v)))
			if err := s.Store(h, wide{claim: c}); err != nil {
				t.Fatal(err)
			}
			history[h] = append(v, c)
			changed[h] = true
		case op == 10 && r.IntN(3) == 0:
			if r.IntN(3) == 0 { // another session
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				if r.IntN(2) == 0 { // much later: the kernel has written all of it
					d.flush(0, 1<<30)
				}
				s = must[*slab.Slab[wide]](t)(slab.OpenMutWith[wide](d.path, cfg))
			} else if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
			synced, changed = map[handle]claim{}, map[handle]bool{}
			for h := range live {
				synced[h] = history[h][len(history[h])-1]
			}
			for h := range history {
				ended[h] = !live[h]
			}
		}
		d.look()
		if r.IntN(2) == 0 {
			d.crash(r, lost)
			opened++
			again, err := slab.OpenMut[wide](lost)
			if err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			for h, c := range synced {
				x, err := again.Load(h)
				switch {
				case !changed[h] && (err != nil || x.claim != c):
					t.Fatalf("seed %d, step %d: object %x is %v (%v), %v was synced", seed, step, h.Uint64(), x.claim, err, c)
				case changed[h] && err == nil && !one(x.claim, history[h]):
					t.Fatalf("seed %d, step %d: object %x is %v, it was %v", seed, step, h.Uint64(), x.claim, history[h])
				case live[h] && err != nil:
					t.Fatalf("seed %d, step %d: object %x: %v", seed, step, h.Uint64(), err)
				}
			}
			for h, yes := range ended {
				if yes && again.Has(h) {
					t.Fatalf("seed %d, step %d: object %x is back", seed, step, h.Uint64())
				}
			}
			for h := range again.All() {
				if history[h] == nil {
					t.Fatalf("seed %d, step %d: object %x that nobody made", seed, step, h.Uint64())
				}
			}
			for n := again.Len(); n < capacity; n++ {
				h, err := again.Alloc()
				if err != nil {
					t.Fatalf("seed %d, step %d: object %d of %d: %v", seed, step, n, capacity, err)
				}
				if history[h] != nil {
					t.Fatalf("seed %d, step %d: handle %x was that of %v", seed, step, h.Uint64(), history[h])
				}
			}
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return opened
}

// neverAgain fills the slab: no object gets the handle h.
func neverAgain[T any](t *testing.T, path string, h slab.Handle[T]) {
	t.Helper()
	s := must[*slab.Slab[T]](t)(slab.OpenMut[T](path))
	defer s.Close()
	if s.Has(h) {
		t.Fatalf("object %x is there: the test loses nothing", h.Uint64())
	}
	for s.Len() < s.Cap() {
		if again := must[slab.Handle[T]](t)(s.Alloc()); again == h {
			t.Fatalf("handle %x is given out again", h.Uint64())
		}
	}
}

// The power fails before anything was synced: the handle of an object that is lost is no other object's. The file is new, or was closed long ago.
func TestPowerFailureBeforeTheFirstSync(t *testing.T) {
	for name, opened := range map[string]bool{"new": false, "opened": true} {
		t.Run(name, func(t *testing.T) {
			d := watch(t, filepath.Join(fastDir(t), "s"))
			s := must[*slab.Slab[uint64]](t)(slab.Create[uint64](d.path, 1000))
			if opened {
				must[slab.Handle[uint64]](t)(s.Insert(1))
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				d.flush(0, 1<<30)
				s = must[*slab.Slab[uint64]](t)(slab.OpenMut[uint64](d.path))
			}
			h := must[slab.Handle[uint64]](t)(s.Insert(1))
			lost := filepath.Join(fastDir(t), "lost")
			d.oldest(lost)
			neverAgain(t, lost, h)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A writer is killed while it makes room, before the length that it published is on the device. The next one uses the new slots, and the power fails.
func TestPowerFailureAfterAKillInGrowth(t *testing.T) {
	testenv.PartialPages(t)
	type object = [512]uint64
	path := filepath.Join(fastDir(t), "s")
	s := must[*slab.Slab[object]](t)(slab.Create[object](path, 1000))
	defer s.Close()
	must[slab.Handle[object]](t)(s.Alloc())
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	d := watch(t, filepath.Join(fastDir(t), "killed"))
	copyTo := func() {
		if err := os.WriteFile(d.path, must[[]byte](t)(os.ReadFile(path)), 0o666); err != nil {
			t.Error(err)
		}
	}
	copyTo()
	d.flush(0, 1<<30)
	grown := false
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpFlush && !grown {
			grown = true
			copyTo() // what the page cache holds if the writer is killed now
		}
		return nil
	})
	for !grown {
		must[slab.Handle[object]](t)(s.Alloc())
	}
	restore()
	slots := s.Len() // the last one lies behind the length that is on the device
	next := must[*slab.Slab[object]](t)(slab.OpenMut[object](d.path))
	defer next.Close()
	var h slab.Handle[object]
	for next.Len() < slots {
		h = must[slab.Handle[object]](t)(next.Alloc())
	}
	lost := filepath.Join(fastDir(t), "lost")
	d.oldest(lost)
	neverAgain(t, lost, h)
}

func one(c claim, of []claim) bool {
	for _, x := range of {
		if x == c {
			return true
		}
	}
	return false
}

// fastDir is a directory in memory where there is one: the test counts flushes and does not need them.
func fastDir(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "typedmem")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
