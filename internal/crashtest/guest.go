//go:build linux && amd64

package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
	"golang.org/x/sys/unix"
)

const disk = "/disk"

// guest is the first process of the machine: it mounts the disk and writes files until the machine is killed.
func guest() {
	defer func() { // nobody starts the first process again
		fmt.Println("\nerror", recover())
		time.Sleep(time.Hour)
	}()
	check := func(what string, err error) {
		if err != nil {
			panic(fmt.Sprint(what, ": ", err))
		}
	}
	check("folders", os.MkdirAll("/proc", 0o755))
	check("folders", os.MkdirAll("/dev", 0o755))
	check("folders", os.MkdirAll(disk, 0o755))
	check("proc", unix.Mount("proc", "/proc", "proc", 0, ""))
	check("dev", unix.Mount("dev", "/dev", "devtmpfs", 0, ""))
	modules, _ := filepath.Glob("/mod/*") // in the order in which they need each other
	for _, m := range modules {
		b, err := os.ReadFile(m)
		check(m, err)
		if err := unix.InitModule(b, ""); err != nil && err != unix.EEXIST {
			fmt.Println("module", m, err)
		}
	}
	text, err := os.ReadFile("/proc/cmdline")
	check("the command line", err)
	var kind string
	var seed uint64
	for _, f := range strings.Fields(string(text)) {
		_, _ = fmt.Sscanf(f, "fs=%s", &kind)
		_, _ = fmt.Sscanf(f, "seed=%d", &seed)
	}
	for try := 0; ; try++ { // the device comes a little later
		if err = unix.Mount("/dev/vda", disk, kind, 0, ""); err == nil || try > 200 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	check("mount", err)
	w := &work{r: rand.New(rand.NewPCG(seed, 5)), out: bufio.NewWriter(os.Stdout)}
	w.say("ready")
	for w.step() == nil {
	}
	panic(w.err)
}

// work is a random program over files.
type work struct {
	r       *rand.Rand
	out     *bufio.Writer
	files   int
	regions map[string]*region.Region[object]
	slabs   map[string]*slabFile
	err     error
}

type slabFile struct {
	*slab.Slab[object]
	live  []slab.Handle[object]
	fresh map[slab.Handle[object]]uint64 // since the last Sync
	freed []slab.Handle[object]
}

func (w *work) say(format string, args ...any) {
	fmt.Fprintf(w.out, format+"\n", args...)
	_ = w.out.Flush()
}

func (w *work) step() error {
	if w.regions == nil {
		w.regions, w.slabs = map[string]*region.Region[object]{}, map[string]*slabFile{}
	}
	switch k := w.r.IntN(12); {
	case k == 0 && len(w.regions)+len(w.slabs) < 4 || len(w.regions)+len(w.slabs) == 0:
		w.create()
	case len(w.regions) > 0 && k < 6:
		for name, r := range w.regions {
			w.region(name, r)
			break
		}
	case len(w.slabs) > 0:
		for name, s := range w.slabs {
			w.slab(name, s)
			break
		}
	}
	return w.err
}

func (w *work) note(err error) bool {
	if err != nil && w.err == nil {
		w.err = err
	}
	return err == nil
}

func (w *work) create() {
	w.files++
	if w.r.IntN(2) == 0 {
		name := fmt.Sprintf("r%d", w.files)
		r, err := region.Create[object](disk+"/"+name, 0)
		if w.note(err) {
			w.regions[name] = r
		}
		return
	}
	name := fmt.Sprintf("s%d", w.files)
	s, err := slab.Create[object](disk+"/"+name, 50+w.r.IntN(400))
	if w.note(err) {
		w.slabs[name] = &slabFile{Slab: s, fresh: map[slab.Handle[object]]uint64{}}
	}
}

func (w *work) region(name string, r *region.Region[object]) {
	switch k := w.r.IntN(10); {
	case k < 5:
		for range 1 + w.r.IntN(60) {
			if r.Len() < 3000 {
				w.note(r.Append(newObject(uint64(r.Len()))))
			}
		}
	case k == 5 && r.Len() > 0:
		n := w.r.IntN(r.Len())
		w.say("lower %s %d", name, n)
		w.note(r.Resize(n))
	case k < 9:
		if n := r.Len(); w.note(r.Sync()) {
			w.say("region %s %d", name, n)
		}
	default:
		n := r.Len()
		if !w.note(r.Sync()) || !w.note(r.Close()) {
			return
		}
		w.say("region %s %d", name, n)
		delete(w.regions, name)
		if w.r.IntN(4) > 0 {
			if again, err := region.OpenMut[object](disk + "/" + name); w.note(err) {
				w.regions[name] = again
			}
		}
	}
}

func (w *work) slab(name string, s *slabFile) {
	switch k := w.r.IntN(10); {
	case k < 4:
		for range 1 + w.r.IntN(40) {
			id := w.r.Uint64() >> 20
			h, err := s.Insert(newObject(id))
			if err == slab.ErrFull || err != nil && strings.Contains(err.Error(), "full") {
				return
			}
			if w.note(err) {
				s.fresh[h] = id
				s.live = append(s.live, h)
			}
		}
	case k < 6:
		for range w.r.IntN(20) {
			if len(s.live) == 0 {
				return
			}
			i := w.r.IntN(len(s.live))
			h := s.live[i]
			s.live[i] = s.live[len(s.live)-1]
			s.live = s.live[:len(s.live)-1]
			w.say("free %s %d", name, h.Uint64())
			delete(s.fresh, h)
			w.note(s.Free(h))
			s.freed = append(s.freed, h)
		}
	case k < 9:
		if w.note(s.Sync()) {
			w.durable(name, s)
		}
	default:
		if !w.note(s.Close()) {
			return
		}
		w.durable(name, s)
		delete(w.slabs, name)
		if w.r.IntN(4) > 0 {
			if again, err := slab.OpenMut[object](disk + "/" + name); w.note(err) {
				s.Slab = again
				w.slabs[name] = s
			}
		}
	}
}

func (w *work) durable(name string, s *slabFile) {
	w.say("file %s", name)
	for h, id := range s.fresh {
		fmt.Fprintf(w.out, "slab %s %d %d\n", name, h.Uint64(), id)
	}
	for _, h := range s.freed {
		fmt.Fprintf(w.out, "gone %s %d\n", name, h.Uint64())
	}
	_ = w.out.Flush()
	clear(s.fresh)
	s.freed = nil
}
