package typedmem_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/region"
)

const (
	word       = 8        // what is written whole or not at all, also by a disk that tears its sectors
	dataOffset = 64 << 10 // of FORMAT.md
	liveRecord = 32 << 10 // of FORMAT.md
)

// disk records what a file held at each moment and what had been flushed, and makes every file that a power loss could leave: of each word the version
// that was flushed last or any later one, in any combination.
type disk struct {
	t     *testing.T
	path  string
	safe  []byte           // the words that were flushed, zeros where none was
	later map[int][][]byte // by word: the versions after the flushed one
	sizes []int            // the flushed size, then each later one
}

func newDisk(t *testing.T, path string) *disk {
	return &disk{t: t, path: path, later: map[int][][]byte{}, sizes: []int{0}}
}

// look notes what the file holds now.
func (d *disk) look() {
	file, err := os.ReadFile(d.path)
	if err != nil {
		d.t.Fatal(err)
	}
	if d.sizes[len(d.sizes)-1] != len(file) {
		d.sizes = append(d.sizes, len(file))
	}
	if more := len(file) - len(d.safe); more > 0 {
		d.safe = append(d.safe, make([]byte, more)...)
	}
	for at := 0; at < len(file); at += word {
		now, last := file[at:at+word], d.safe[at:at+word]
		if v := d.later[at]; v != nil {
			last = v[len(v)-1]
		}
		if !bytes.Equal(last, now) {
			d.later[at] = append(d.later[at], now)
		}
	}
}

// flushed notes that the file's bytes [lo, hi) are on the disk as they are now, and so is its size.
func (d *disk) flushed(lo, hi int) {
	d.look()
	d.sizes = d.sizes[len(d.sizes)-1:]
	for at, v := range d.later {
		if at >= lo && at < hi {
			copy(d.safe[at:], v[len(v)-1])
			delete(d.later, at)
		}
	}
}

// losses returns files that a power loss at this moment could leave: all of them up to limit, else a random choice, in which every other one is
// all old or all new but for one word.
func (d *disk) losses(limit int, r *rand.Rand) (images [][]byte) {
	open := slices.Sorted(maps.Keys(d.later))
	total := len(d.sizes)
	for _, at := range open {
		if total <= limit {
			total *= len(d.later[at]) + 1
		}
	}
	for i := range min(total, limit) {
		choose := func(versions int) int { // which version, 0 for the flushed one
			n := i % versions
			i /= versions
			return n
		}
		if total > limit {
			odd, newest, style := r.IntN(len(open)+1), r.IntN(2) == 0, i%2 == 0
			left := 0
			choose = func(versions int) int {
				if left++; style && left != odd && newest {
					return versions - 1
				} else if style && left != odd {
					return 0
				}
				return r.IntN(versions)
			}
		}
		size := d.sizes[choose(len(d.sizes))]
		image := slices.Clone(d.safe[:min(size, len(d.safe))])
		for _, at := range open {
			if n := choose(len(d.later[at]) + 1); n > 0 && at < size {
				copy(image[at:], d.later[at][n-1])
			}
		}
		images = append(images, image)
	}
	return images
}

// TestSyncSurvivesPowerLoss runs a program of appends, changes, resizes and syncs, and after every step and inside every Sync lets the power go in every way
// that a disk allows. The file must then open with the length of the last acknowledged Sync or of the one under way, and its elements must be values that
// they had then or were given since.
func TestSyncSurvivesPowerLoss(t *testing.T) {
	deviant(t, partialLargePage)
	path := filepath.Join(t.TempDir(), "region.tm")
	d := newDisk(t, path)
	random := rand.New(rand.NewPCG(1, 2))

	var (
		now     []uint64            // what the region holds
		acked   = 0                 // length of the last Sync that returned, or of Create
		pending = -1                // length of a Sync under way, -1 outside
		had     map[int][]uint64    // by index: the values since the last Sync that returned
		place   = "before anything" // for messages
		checked int
	)
	limit := 100
	if emulator() != "" {
		limit = 12 // each system call takes its time there
	}
	had = map[int][]uint64{}
	check := func() {
		d.look()
		for i, image := range d.losses(limit, random) {
			if len(image) >= liveRecord+16 {
				clear(image[liveRecord : liveRecord+16]) // another run of the system
			}
			lost := filepath.Join(filepath.Dir(path), fmt.Sprintf("lost%d.tm", checked))
			if err := os.WriteFile(lost, image, 0o666); err != nil {
				t.Fatal(err)
			}
			checked++
			r, err := region.OpenWith[uint64](lost, smallCapacity) // 32-bit Wine fails when addresses get short
			if err != nil {
				t.Fatalf("%s, loss %d: %v", place, i, err)
			}
			n := r.Len()
			if n != acked && n != pending {
				t.Fatalf("%s, loss %d: length %d, acknowledged %d, under way %d", place, i, n, acked, pending)
			}
			for j, x := range r.All() {
				if !slices.Contains(had[j], x) {
					t.Fatalf("%s, loss %d: element %d of %d is %#x, it was one of %#x", place, i, j, n, x, had[j])
				}
			}
			if err := errors.Join(r.Close(), os.Remove(lost)); err != nil {
				t.Fatal(err)
			}
		}
	}

	r, err := region.CreateWith[uint64](path, 0, smallCapacity)
	if err != nil {
		t.Fatal(err)
	}
	d.flushed(0, 1<<30)  // a new file is on the disk before it has its name
	header := uintptr(0) // where the header block is mapped
	restore := sys.Interpose(func(c sys.Call) error {
		switch c.Op {
		case sys.OpFlush:
			place = fmt.Sprintf("before flushing %d bytes at %#x", c.Len, c.Addr)
			check()
			base := uintptr(r.Mapping().Addr())
			if c.Addr >= base && c.Addr < base+uintptr(r.Mapping().Cap()) {
				off := dataOffset + int(c.Addr-base)
				d.flushed(off, off+c.Len)
				break
			}
			if header == 0 {
				header = c.Addr // the first flush of the header block is of the whole, of copy A, or of the pages with the live record
				if c.Len < liveRecord/2 {
					header -= liveRecord
				}
			}
			off := int(c.Addr - header)
			d.flushed(off, off+c.Len)
		}
		return nil
	})
	defer restore()

	note := func() {
		for i, x := range now {
			if !slices.Contains(had[i], x) {
				had[i] = append(had[i], x)
			}
		}
	}
	sync := func() {
		pending = len(now)
		place = "in a Sync"
		if err := r.Sync(); err != nil {
			t.Fatal(err)
		}
		acked, pending = len(now), -1
		clear(had)
		note()
		place = "after a Sync"
		check()
	}
	appendTo := func(k int) {
		for range k {
			x := random.Uint64()
			now = append(now, x)
			note()
			if err := r.Append(x); err != nil {
				t.Fatal(err)
			}
		}
		place = fmt.Sprintf("after appending %d", k)
		check()
	}

	check()
	sync() // empty
	appendTo(3)
	sync()
	appendTo(200)
	sync()
	for i := range 5 {
		now[i*40] = uint64(i)
		note()
		r.Set(i*40, uint64(i))
	}
	place = "after Set"
	check()
	appendTo(1)
	sync()
	// Shrinking syncs the shorter length by itself before it clears what it cuts off.
	pending = 50
	for i := 50; i < len(now); i++ {
		had[i] = append(had[i], 0)
	}
	now = now[:50]
	if err := r.Resize(50); err != nil {
		t.Fatal(err)
	}
	acked, pending = 50, -1
	place = "after shrinking"
	check()
	appendTo(30)
	sync()
	sync()
	appendTo(7)
	pending = len(now)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	acked = len(now)
	place = "after Close"
	check()

	// The next writer finds copies of which the newer one was never flushed.
	pending = -1
	if r, err = region.OpenMutWith[uint64](path, smallCapacity); err != nil {
		t.Fatal(err)
	}
	header = 0
	appendTo(2)
	sync()
	pending = len(now)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	check()
	if checked < 30*limit/2 {
		t.Errorf("only %d power losses were tried", checked)
	}
	t.Logf("%d power losses", checked)
}
