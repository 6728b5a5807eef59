// Package power is a device below internal/sys for tests: it knows what a power failure, or a kill
// of the program, leaves of a file at each moment.
//
// The model follows what fsync(2) and msync(2) promise and no more. What was written since the last
// flush may be on the device or not, each word of 8 bytes for itself and in any of the versions
// that it had; so may the size. A flush brings the bytes of its range and then the size, and until
// it returns any part of both may be missing. Words are finer than the sectors of a device, and
// stand for stores of which the device got some.
package power

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/typedmem/typedmem/internal/sys"
)

const (
	word       = 8
	page       = 4096
	liveRecord = 32 << 10 // of FORMAT.md: it begins with the name of the boot
	bootSize   = 16
)

// Disk is the device of one file. Its methods are for the goroutine that works on the file.
type Disk struct {
	path string

	old      os.FileInfo      // the file that had the name at first, and is not followed; nil for none
	file     os.FileInfo      // nil while there is none
	there    bool             // it has its name
	last     []byte           // what a program sees: the page cache
	safe     []byte           // what is certainly on the device, as far as the file ever reached
	later    map[int][]uint64 // by place: the versions of a word after the safe one
	sizes    []int            // the size that is on the device, then each later one
	entry    bool             // the file's name is on the device
	maps     maps
	flushes  int
	watching bool
	dead     bool // the program was killed: what it does to its file from here on is not seen
	err      error
}

// Watch follows the file of that name, from before there is one, until stop is called. If there is
// one, it follows the file that replaces it. point is called before and inside each operation
// wherever something of the file is made durable or changes its length.
func Watch(path string, point func() error) (d *Disk, stop func()) {
	all, stop := WatchAll(point, path)
	return all[0], stop
}

// WatchAll is Watch for several files on one device. At each point all of them are as they are at
// this moment.
func WatchAll(point func() error, paths ...string) (all []*Disk, stop func()) {
	for _, path := range paths {
		d := &Disk{path: path, later: map[int][]uint64{}, sizes: []int{0}, watching: true}
		if info, err := os.Stat(path); err == nil {
			d.old = info
		}
		all = append(all, d)
	}
	return all, sys.Interpose(func(c sys.Call) error { return interpose(all, point, c) })
}

// Err is what kept the model from following the file, nil where nothing did.
func (d *Disk) Err() error { return d.err }

// Flushes is how often a part of the file was made durable.
func (d *Disk) Flushes() int { return d.flushes }

// Named reports whether the file's name is on the device.
func (d *Disk) Named() bool { return d.entry }

// Size is the size that is on the device.
func (d *Disk) Size() int { return d.sizes[0] }

// Aside runs f without recording its writes.
func (d *Disk) Aside(f func()) {
	was := d.watching
	d.watching = false
	defer func() { d.watching = was }()
	f()
}

func interpose(all []*Disk, point func() error, c sys.Call) error {
	switch c.Op {
	case sys.OpFlush, sys.OpSyncFile, sys.OpAllocate, sys.OpZero, sys.OpMap, sys.OpNameFile, sys.OpReplaceFile, sys.OpCloneRange, sys.OpCopyRange:
	default: // also what the collector's goroutines call
		return nil
	}
	if c.Op == sys.OpMap && c.File == nil {
		return nil
	}
	for _, d := range all {
		if !d.watching || d.dead {
			return nil
		}
	}
	for _, d := range all {
		d.watching = false
		defer func() { d.watching = true }()
		d.Look()
	}
	if err := point(); err != nil {
		for _, d := range all {
			d.dead = true
		}
		return err
	}
	for _, d := range all {
		d.happens(c)
	}
	return nil
}

// happens notes what a call makes durable.
func (d *Disk) happens(c sys.Call) {
	switch c.Op {
	case sys.OpFlush:
		if at, mine, err := d.maps.find(c.Addr, d.file, d.path, d.maker()); err != nil {
			d.err = err
		} else if mine {
			d.flush(at, at+c.Len)
		}
	case sys.OpSyncFile:
		info, err := c.File.Stat()
		switch {
		case err != nil:
		case info.IsDir():
			d.entry = d.there
		case d.file != nil && os.SameFile(info, d.file):
			d.Flush()
		}
	case sys.OpMap:
		d.maps.forget()
	}
}

// Look notes what the file holds now.
func (d *Disk) Look() {
	for _, name := range []string{d.path, d.maker()} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) || err == nil && d.old != nil && os.SameFile(info, d.old) {
			continue
		}
		var now []byte
		if err == nil {
			now, err = os.ReadFile(name)
		}
		if err != nil {
			d.err = err
			return
		}
		d.file, d.there = info, name == d.path
		d.compare(now)
		return
	}
}

// maker is the name that the file has while Create makes it.
func (d *Disk) maker() string {
	return filepath.Join(filepath.Dir(d.path), "."+filepath.Base(d.path)+".typedmem-0")
}

// There reports whether there is a file of that name.
func (d *Disk) There() bool { return d.there }

func (d *Disk) compare(now []byte) {
	if len(now) != d.sizes[len(d.sizes)-1] {
		d.sizes = append(d.sizes, len(now))
	}
	if more := len(now) - len(d.safe); more > 0 {
		d.safe = append(d.safe, make([]byte, more)...)
	}
	for p := 0; p < len(now); p += page {
		next := now[p:min(p+page, len(now))]
		if p+len(next) <= len(d.last) && bytes.Equal(next, d.last[p:p+len(next)]) {
			continue
		}
		for at := p; at+word <= len(now) && at < p+page; at += word {
			x, had := binary.NativeEndian.Uint64(now[at:]), binary.NativeEndian.Uint64(d.safe[at:])
			if v := d.later[at]; v != nil {
				had = v[len(v)-1]
			}
			if x != had {
				d.later[at] = append(d.later[at], x)
			}
		}
	}
	d.last = now
}

// flush notes that the bytes [lo, hi) and the size are on the device.
func (d *Disk) flush(lo, hi int) {
	d.flushes++
	d.sizes = []int{len(d.last)}
	for at, v := range d.later {
		if at >= lo && at < hi {
			binary.NativeEndian.PutUint64(d.safe[at:], v[len(v)-1])
			delete(d.later, at)
		}
	}
}

// Flush notes that all of the file is on the device: time has passed.
func (d *Disk) Flush() {
	d.Look()
	d.flush(0, len(d.last))
	d.entry = d.there
}

// Killed writes to path the file that a kill of the program leaves now.
func (d *Disk) Killed(path string) error { return write(path, d.last) }

// Dead reports whether point has killed the program.
func (d *Disk) Dead() bool { return d.dead }

// Kill puts the file that a kill of the program left, at this moment or when point said so, in the
// place of the file: what the program did to its own since counts no more.
func (d *Disk) Kill() error {
	d.dead = false
	if !d.there {
		d.file, d.last, d.safe, d.later, d.sizes = nil, nil, nil, map[int][]uint64{}, []int{0}
		if err := os.Remove(d.maker()); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.Remove(d.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := write(d.path, d.last)
	d.maps.forget()
	d.Look()
	return errors.Join(err, d.err)
}

// Lost writes to path a file that a power failure may leave now: style 0 is what is certain and
// nothing else, 1 everything, and the others are random mixtures.
func (d *Disk) Lost(path string, style int, r *rand.Rand) error {
	pick := func(versions int) int { return r.IntN(versions) }
	places := make([]int, 0, len(d.later))
	for at := range d.later {
		places = append(places, at)
	}
	slices.Sort(places) // so that a seed tells what happens
	switch style % Styles {
	case 0:
		pick = func(int) int { return 0 }
	case 1:
		pick = func(versions int) int { return versions - 1 }
	case 2, 3: // all but one
		odd, rest := r.IntN(len(places)+1), style%Styles-2
		pick = func(versions int) int {
			if odd--; odd == -1 {
				return r.IntN(versions)
			}
			return rest * (versions - 1)
		}
	case 4: // by pages, the size apart
		chosen := map[int]int{}
		size := d.sizes[r.IntN(len(d.sizes))]
		return d.write(path, size, places, func(at, versions int) int {
			if _, known := chosen[at/page]; !known {
				chosen[at/page] = r.IntN(2)
			}
			return chosen[at/page] * (versions - 1)
		})
	}
	size := d.sizes[pick(len(d.sizes))]
	return d.write(path, size, places, func(_, versions int) int { return pick(versions) })
}

// Styles is how many styles Lost knows.
const Styles = 6

func (d *Disk) write(path string, size int, places []int, pick func(at, versions int) int) error {
	image := make([]byte, size)
	copy(image, d.safe)
	for _, at := range places {
		if n := pick(at, len(d.later[at])+1); n > 0 && at+word <= size {
			binary.NativeEndian.PutUint64(image[at:], d.later[at][n-1])
		}
	}
	// After a restart: a live record in the file is that of the boot before.
	if size >= liveRecord+bootSize {
		if boot := image[liveRecord:][:bootSize]; !bytes.Equal(boot, make([]byte, bootSize)) {
			for i := range boot {
				boot[i] ^= 0x5a
			}
		}
	}
	return write(path, image)
}

// write writes a new file, with holes where it is zero.
func write(path string, b []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = f.Truncate(int64(len(b)))
	var zero [page]byte
	for p := 0; p < len(b) && err == nil; p += page {
		if part := b[p:min(p+page, len(b))]; !bytes.Equal(part, zero[:len(part)]) {
			_, err = f.WriteAt(part, int64(p))
		}
	}
	return errors.Join(err, f.Close())
}
