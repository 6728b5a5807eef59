package region_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem/internal/power"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/region"
)

// cell is an element of which each word tells the value: a power failure may leave a mixture of
// those that it had since the last Sync.
type cell [64]uint64

func newCell(x uint64) (c cell) {
	for i := range c {
		c[i] = x + uint64(i)
	}
	return c
}

// of reports whether each word is of one of the values; 0 is the cell of zeros.
func (c *cell) of(values []uint64) bool {
	for i, w := range c {
		if !slices.ContainsFunc(values, func(x uint64) bool { return x == 0 && w == 0 || x != 0 && w == x+uint64(i) }) {
			return false
		}
	}
	return true
}

var errKilled = errors.New("the program is killed here")

// program runs a random program over a region file and tracks what the file must hold.
type program struct {
	t      *testing.T
	r      *rand.Rand
	d      *power.Disk
	path   string
	lost   string
	region *region.Region[cell]
	where  string
	images int

	now     []uint64   // what the region holds
	had     [][]uint64 // by index: the values since the last acknowledged Sync
	lengths []int      // those that the file may have after a power failure
	killed  []int      // and after a kill
	killIn  int        // the point at which the program is killed, counted down
}

const mostCells = 600

// TestPowerFailureKeepsRegions runs random programs over region files. At every point of every
// operation at which something reaches the device the power may fail, or the program may be killed:
// the file then opens, with the length of the last acknowledged Sync or of one under way, and with
// elements that are what they were then or were given since. TYPEDMEM_POWER_PROGRAMS says how many
// programs, TYPEDMEM_POWER_FROM which is the first.
func TestPowerFailureKeepsRegions(t *testing.T) {
	testenv.PartialPages(t)
	programs, from := power.Programs(t)
	images := 0
	for seed := from; seed < from+programs; seed++ {
		images += powerProgram(t, seed)
	}
	t.Logf("%d programs, %d files opened", programs, images)
}

func powerProgram(t *testing.T, seed uint64) int {
	dir, remove := power.Dir(t)
	defer remove()
	p := &program{t: t, r: rand.New(rand.NewPCG(seed, 1)), path: filepath.Join(dir, "r"), lost: filepath.Join(dir, "lost"), lengths: []int{0}, killed: []int{0}}
	d, stop := power.Watch(p.path, p.point)
	defer stop()
	p.d = d
	defer func() {
		if t.Failed() {
			t.Logf("seed %d, %s", seed, p.where)
		}
	}()
	p.do("create", func() (err error) {
		o := capable(true)
		o.Create = true
		p.region, err = region.OpenFile[cell](p.path, o)
		return err
	})
	for range 30 {
		p.step()
		p.killIn = 0
		d.Aside(func() { d.Look(); _ = p.point() })
		if err := d.Err(); err != nil {
			t.Skip(err)
		}
	}
	p.killIn = 0
	p.ack("close", p.region.Close)
	return p.images
}

// do carries out an operation, in which the program may be killed.
func (p *program) do(name string, op func() error) (done bool) {
	p.where = name
	err := op()
	p.killIn = 0
	switch {
	case p.d.Dead():
		if p.region != nil {
			_ = p.region.Close() // of a file that is no longer there
		}
		if err := p.d.Kill(); err != nil {
			p.t.Fatal(err)
		}
		p.reopen("open after a kill in " + name)
		return false
	case err != nil:
		p.t.Fatalf("%s: %v", name, err)
	}
	return true
}

// ack carries out an operation that acknowledges what the region holds.
func (p *program) ack(name string, op func() error) bool {
	p.lengths = append(p.lengths, len(p.now))
	if !p.do(name, op) {
		return false
	}
	if !p.d.Named() && power.Named && name == "sync" {
		p.t.Fatalf("%s: the file's name is not on the device", name)
	}
	p.lengths = []int{len(p.now)}
	if name == "sync" { // Close syncs the length, and what was set only where that differs
		p.had = make([][]uint64, len(p.now))
		p.note()
	}
	return true
}

// note records the region's present contents.
func (p *program) note() {
	for i, x := range p.now {
		p.may(i, x)
	}
}

func (p *program) may(i int, x uint64) {
	for len(p.had) <= i {
		p.had = append(p.had, nil)
	}
	if !slices.Contains(p.had[i], x) {
		p.had[i] = append(p.had[i], x)
	}
}

// become sets what the region is going to hold.
func (p *program) become(next []uint64) {
	p.killed = []int{len(p.now), len(next)}
	for n := len(p.now); n < len(next); n++ { // Append may take several steps
		p.killed = append(p.killed, n)
	}
	for i := len(next); i < len(p.now); i++ { // what is cut off is cleared
		p.may(i, 0)
	}
	p.now = next
	p.note()
}

func (p *program) reopen(name string) {
	was := p.killed
	p.lengths = append(p.lengths, was...)
	p.do(name, func() (err error) {
		o := capable(true)
		o.Create = !p.d.There() // killed in Create
		p.region, err = region.OpenFile[cell](p.path, o)
		if err != nil {
			return err
		}
		n := p.region.Len()
		if !slices.Contains(was, n) {
			return fmt.Errorf("%d elements, %v are possible", n, was)
		}
		p.now = p.now[:0:0]
		for i, c := range p.region.All() {
			switch {
			case !c.of(p.had[i]):
				return fmt.Errorf("element %d is %d, it was %d", i, c[0], p.had[i])
			case c[0] != 0 && c == newCell(c[0]) || c == cell{}:
				p.now = append(p.now, c[0])
			default: // a mixture that a kill left in a Set
				return fmt.Errorf("element %d is a mixture", i)
			}
		}
		p.killed, p.lengths = []int{n}, append(p.lengths, n)
		return nil
	})
}

// step carries out a random operation.
func (p *program) step() {
	r := p.r
	if r.IntN(8) == 0 {
		p.killIn = 1 + r.IntN(8)
	}
	p.killed = []int{len(p.now)}
	switch op := r.IntN(16); {
	case op < 5:
		var cells []cell
		next := slices.Clone(p.now)
		for range min(1+r.IntN(1<<r.IntN(9)), mostCells-len(next)) {
			x := r.Uint64()
			next, cells = append(next, x), append(cells, newCell(x))
		}
		p.become(next)
		p.do(fmt.Sprintf("append %d", len(cells)), func() error { return p.region.Append(cells...) })
	case op < 7 && len(p.now) > 0:
		i, x := r.IntN(len(p.now)), r.Uint64()
		next := slices.Clone(p.now)
		next[i] = x
		p.become(next)
		p.do("set", func() error { p.region.Set(i, newCell(x)); return nil })
	case op == 7 && len(p.now) > 0: // the shorter length is on the device when Resize returns
		n := r.IntN(len(p.now))
		p.become(slices.Clone(p.now[:n]))
		p.lengths = append(p.lengths, n)
		if p.do("shrink", func() error { return p.region.Resize(n) }) {
			p.lengths = []int{n}
		}
	case op == 8:
		n := min(len(p.now)+r.IntN(200), mostCells)
		p.become(append(slices.Clone(p.now), make([]uint64, n-len(p.now))...))
		p.do("lengthen", func() error { return p.region.Resize(n) })
	case op < 12:
		p.ack("sync", p.region.Sync)
	case op < 14:
		if p.ack("close", p.region.Close) {
			p.reopen("open")
		}
	case op == 14:
		p.d.Flush() // much later
	}
}

// point is where the power may fail, or the program be killed.
func (p *program) point() error {
	if p.killIn--; p.killIn == 0 {
		return errKilled
	}
	if p.d.There() && p.r.IntN(3) == 0 {
		p.failure()
	}
	return nil
}

// failure opens a file that a power failure or a kill leaves now.
func (p *program) failure() {
	style := p.r.IntN(power.Styles + 1)
	lengths, err := p.lengths, error(nil)
	if style == power.Styles {
		lengths = p.killed
		err = p.d.Killed(p.lost)
	} else {
		err = p.d.Lost(p.lost, style, p.r)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.images++
	for name, write := range map[string]bool{"open": false, "open for writing": true} {
		again, err := region.OpenFile[cell](p.lost, capable(write))
		if err != nil {
			p.t.Fatalf("%s, style %d, %s: %v", p.where, style, name, err)
		}
		n := again.Len()
		if !slices.Contains(lengths, n) {
			p.t.Fatalf("%s, style %d, %s: %d elements, %v are possible", p.where, style, name, n, lengths)
		}
		for i, c := range again.All() {
			if !c.of(p.had[i]) {
				p.t.Fatalf("%s, style %d, %s: element %d of %d begins with %#x, it was one of %#x", p.where, style, name, i, n, c[0], p.had[i])
			}
		}
		if err := again.Close(); err != nil {
			p.t.Fatal(err)
		}
	}
}

// capable returns options with 1 MiB of addresses.
func capable(write bool) region.FileOptions {
	return region.FileOptions{Write: write, Capacity: 1 << 20 / int(unsafe.Sizeof(cell{}))}
}
