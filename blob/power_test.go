package blob_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/internal/power"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/region"
)

// entry is a record with a string in a store; Number says which it has to be.
type entry struct {
	Text   blob.Ref
	Number uint64
}

// textOf returns the string of an entry. Many are of one length, so that a lost one may have a
// successor in its place.
func textOf(number uint64) string {
	return fmt.Sprintf("%0*d", 1+number%3*20, number)
}

// powerful runs a random program over records in one file that have strings in another one.
type powerful struct {
	t       *testing.T
	r       *rand.Rand
	disks   []*power.Disk
	dir     string
	texts   *blob.Store
	entries *region.Region[entry]
	where   string
	images  int

	number  uint64
	safe    int                 // how many entries are durable for certain
	durable map[blob.Ref]string // and which blobs
	later   map[blob.Ref]string // those that the next Sync makes durable
}

// TestPowerFailureKeepsBlobs runs random programs over a store and a region whose elements have
// Refs of it. At each point at which something reaches the device the power may fail: each element
// that the region then has finds its string, and so does each Ref that a Sync acknowledged.
func TestPowerFailureKeepsBlobs(t *testing.T) {
	testenv.PartialPages(t)
	programs, from := power.Programs(t)
	images := 0
	for seed := from; seed < from+(programs+2)/3; seed++ {
		images += blobProgram(t, seed)
	}
	t.Logf("%d pairs of files opened", images)
	if images == 0 {
		t.Error("the power never failed")
	}
}

func blobProgram(t *testing.T, seed uint64) int {
	dir, remove := power.Dir(t)
	defer remove()
	p := &powerful{t: t, r: rand.New(rand.NewPCG(seed, 7)), dir: dir, durable: map[blob.Ref]string{}, later: map[blob.Ref]string{}}
	defer func() {
		if t.Failed() {
			t.Logf("seed %d, %s", seed, p.where)
		}
	}()
	all, stop := power.WatchAll(p.point, filepath.Join(dir, "texts"), filepath.Join(dir, "entries"))
	defer stop()
	p.disks = all
	p.open()
	for range 30 {
		p.step()
		for _, d := range p.disks {
			if err := d.Err(); err != nil {
				t.Skip(err)
			}
		}
	}
	p.close()
	return p.images
}

func (p *powerful) check(err error) {
	if err != nil {
		p.t.Helper()
		p.t.Fatalf("%s: %v", p.where, err)
	}
}

func (p *powerful) open() {
	p.where = "open"
	var err error
	p.texts, err = blob.OpenFile(filepath.Join(p.dir, "texts"), blob.FileOptions{Write: true, Create: true, Capacity: 1 << 20})
	p.check(err)
	p.entries, err = region.OpenFile[entry](filepath.Join(p.dir, "entries"), region.FileOptions{Write: true, Create: true, Capacity: 1 << 14})
	p.check(err)
}

func (p *powerful) close() {
	p.sync(0)
	p.where = "close"
	p.check(errors.Join(p.texts.Close(), p.entries.Close()))
}

// add appends a string, and the entry that has it.
func (p *powerful) add() {
	p.number++
	r, err := p.texts.AppendString(textOf(p.number))
	p.check(err)
	p.later[r] = textOf(p.number)
	p.check(p.entries.Append(entry{r, p.number}))
}

// sync makes both files durable, while others append as many entries.
func (p *powerful) sync(beside int) {
	p.where = fmt.Sprintf("SyncBefore beside %d", beside)
	n := 0
	p.check(p.texts.SyncBefore(p.acknowledged, func() error {
		for range beside {
			p.add()
		}
		n = p.entries.Len()
		return p.entries.Sync()
	}))
	p.safe = n
}

// acknowledged notes that all blobs are durable.
func (p *powerful) acknowledged() error {
	for r, text := range p.later {
		p.durable[r] = text
	}
	clear(p.later)
	return nil
}

func (p *powerful) step() {
	switch op := p.r.IntN(12); {
	case op < 6:
		p.where = "append"
		for range 1 + p.r.IntN(1<<p.r.IntN(7)) {
			p.add()
		}
	case op < 8:
		p.sync(p.r.IntN(4))
	case op == 8:
		p.where = "Sync of the store"
		p.check(p.texts.Sync())
		p.check(p.acknowledged())
	case op == 9:
		p.close()
		p.open()
	case op == 10: // much later
		for _, d := range p.disks {
			d.Flush()
		}
	case op == 11: // any moment
		for _, d := range p.disks {
			d.Aside(d.Look)
		}
		p.disks[0].Aside(func() { p.check(p.point()) })
	}
}

// point is where the power may fail.
func (p *powerful) point() error {
	if p.disks == nil || !p.disks[0].There() || !p.disks[1].There() || p.r.IntN(4) > 0 {
		return nil
	}
	style := p.r.IntN(power.Styles)
	lost := [2]string{filepath.Join(p.dir, "lost texts"), filepath.Join(p.dir, "lost entries")}
	for i, d := range p.disks {
		p.check(d.Lost(lost[i], style, p.r))
	}
	p.images++
	for _, write := range []bool{false, true} {
		texts, err := blob.OpenFile(lost[0], blob.FileOptions{Write: write, Capacity: 1 << 20})
		p.check(err)
		entries, err := region.OpenFile[entry](lost[1], region.FileOptions{Write: write, Capacity: 1 << 14})
		p.check(err)
		if n := entries.Len(); n < p.safe {
			p.t.Fatalf("%s: %d entries, %d were acknowledged", p.where, n, p.safe)
		}
		for i, e := range entries.All() {
			if text, err := texts.Text(e.Text); err != nil || text != textOf(e.Number) {
				p.t.Fatalf("%s, style %d: entry %d of %d has %q, want %q (%v)", p.where, style, i, entries.Len(), text, textOf(e.Number), err)
			}
		}
		for r, want := range p.durable {
			if text, err := texts.Text(r); err != nil || text != want {
				p.t.Fatalf("%s, style %d: %v is %q, %q was acknowledged (%v)", p.where, style, r, text, want, err)
			}
		}
		if write { // a Ref that was lost stays lost
			for range 40 {
				_, err := texts.AppendString("a successor")
				p.check(err)
			}
			for r, want := range p.later {
				if text, err := texts.Text(r); err == nil && text != want {
					p.t.Fatalf("%s, style %d: %v was lost, and is %q", p.where, style, r, text)
				}
			}
		}
		p.check(errors.Join(texts.Check(), texts.Close(), entries.Close()))
	}
	return nil
}
