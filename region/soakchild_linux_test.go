package region_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
	"golang.org/x/sys/unix"
)

// soakChild is a process of TestSoak: a writer, a reader or a checker of one file. It tells its
// parent, one line each, what it is about to do and what it has done, and what was refused.
type soakChild struct {
	path, kind string
	random     *rand.Rand
	out        *bufio.Writer
	stopped    chan struct{} // closed when the parent wants the process to end
}

// soakValue is element i of the region; the element is never 0.
func soakValue(i int) uint64 { return uint64(i)*0x9e3779b97f4a7c15 | 1 }

// soakUnset reports whether element i is one that a growing Resize made and that was not, or not
// wholly, set before the writer was killed: a Set of 8 bytes is two stores on 32-bit systems.
func soakUnset(i int, x uint64) bool {
	half := bits.UintSize == 32 && (x == soakValue(i)&math.MaxUint32 || x == soakValue(i)&^math.MaxUint32)
	return x == 0 || half
}

// soakObject says itself whether its bytes are whole.
type soakObject struct {
	ID, Not uint64
	_       [4]uint64
}

func (o soakObject) whole() bool { return o.Not == ^o.ID }

const (
	soakSlots    = 5000
	soakElements = 600_000 // at which the writer cuts the region down
)

func TestSoakChild(t *testing.T) {
	role := os.Getenv("TYPEDMEM_SOAK_ROLE")
	if role == "" {
		t.Skip("a process of TestSoak")
	}
	seed, err := strconv.ParseUint(os.Getenv("TYPEDMEM_SOAK_CHILD_SEED"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	c := &soakChild{
		path: os.Getenv("TYPEDMEM_SOAK_FILE"), kind: os.Getenv("TYPEDMEM_SOAK_KIND"),
		random:  rand.New(rand.NewPCG(seed, 1)),
		out:     bufio.NewWriter(os.Stdout),
		stopped: make(chan struct{}),
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(c.stopped)
	}()
	if role != "check" {
		c.limit()
	}
	defer c.out.Flush()
	switch role + " " + c.kind {
	case "writer region":
		c.write(c.openRegion, c.changeRegion)
	case "writer slab":
		c.write(c.openSlab, c.changeSlab)
	case "reader region":
		c.read(c.lookRegion)
	case "reader slab":
		c.read(c.lookSlab)
	case "check region":
		c.checkRegion()
	case "check slab":
		c.checkSlab()
	}
}

func (c *soakChild) say(format string, args ...any) {
	fmt.Fprintf(c.out, format+"\n", args...)
	c.out.Flush()
}

func (c *soakChild) stop() bool {
	select {
	case <-c.stopped:
		return true
	default:
		return false
	}
}

// limit sets one of the process's limits to a random value that leaves room for the Go runtime
// itself.
func (c *soakChild) limit() {
	if r, w, err := os.Pipe(); err == nil { // has the Go runtime open what it needs for itself, without which it ends the process
		_, _ = r.Close(), w.Close()
	}
	set := func(name string, resource int, n uint64) {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: n, Max: n}); err == nil {
			c.say("limit %s %d", name, n)
		}
	}
	switch c.random.IntN(8) {
	case 0:
		text, _ := os.ReadFile("/proc/self/statm")
		pages, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseUint(pages, 10, 64)
		if err == nil && !race.Enabled { // the race detector needs addresses as it goes
			set("addresses", unix.RLIMIT_AS, n*uint64(os.Getpagesize())+uint64(192+c.random.IntN(1024))<<20)
		}
	case 1:
		set("file", unix.RLIMIT_FSIZE, uint64(c.random.IntN(6<<20)))
	case 2:
		set("descriptors", unix.RLIMIT_NOFILE, uint64(6+c.random.IntN(12)))
	case 3:
		set("locked", unix.RLIMIT_MEMLOCK, uint64(c.random.IntN(1<<20)))
	}
}

// refusal names a documented reason for which an operation may fail here, "" for none.
func refusal(err error) string {
	for name, e := range map[string]error{
		"full": unix.ENOSPC, "file": unix.EFBIG, "descriptors": unix.EMFILE, "addresses": unix.ENOMEM, "locked": unix.EAGAIN, "quota": unix.EDQUOT,
	} {
		if errors.Is(err, e) {
			return name
		}
	}
	for name, e := range map[string]error{"capacity": typedmem.ErrCapacity, "slots": slab.ErrFull} {
		if errors.Is(err, e) {
			return name
		}
	}
	if strings.Contains(err.Error(), "RLIMIT_MEMLOCK") || errors.Is(err, unix.EPERM) && strings.Contains(err.Error(), "lock") {
		return "locked"
	}
	return ""
}

// refused reports an error to the parent; the process ends where that is none that may come.
func (c *soakChild) refused(what string, err error) {
	if reason := refusal(err); reason != "" {
		c.say("refused %s %s", reason, what)
		return
	}
	c.say("error %s: %v", what, strings.ReplaceAll(err.Error(), "\n", " / "))
	os.Exit(3)
}

// write changes the file until the process is killed or told to end, with an open of the file again
// and again.
func (c *soakChild) write(open func() (io.Closer, error), change func(io.Closer)) {
	for !c.stop() {
		f, err := open()
		if err != nil {
			c.refused("open", err)
			return
		}
		c.say("opened")
		for n := c.random.IntN(400); n >= 0 && !c.stop(); n-- {
			change(f)
		}
		for tries := 0; ; tries++ {
			if err = f.Close(); err == nil {
				break
			}
			c.refused("close", err)
			if tries == 5 { // a disk that stays full, or a limit: as if the process were killed
				return
			}
		}
		c.say("closed")
	}
}

func (c *soakChild) openRegion() (io.Closer, error) {
	r, err := region.OpenMut[uint64](c.path)
	if errors.Is(err, fs.ErrNotExist) {
		r, err = region.Create[uint64](c.path, 0)
		if err == nil {
			c.say("created")
		}
	}
	if err != nil {
		return nil, err
	}
	for i := range r.Len() { // a killed writer may have left what Resize made
		if soakUnset(i, r.At(i)) {
			r.Set(i, soakValue(i))
		}
	}
	c.say("length %d", r.Len())
	return r, nil
}

func (c *soakChild) changeRegion(f io.Closer) {
	r := f.(*region.Region[uint64])
	n := r.Len()
	cut := func(n int) {
		c.say("cut %d", n)
		if err := r.Resize(n); err != nil {
			c.refused("shrink", err)
			return
		}
		c.say("length %d", n)
	}
	switch op := c.random.IntN(100); {
	case n > soakElements:
		cut(c.random.IntN(soakElements / 4))
	case op < 70:
		xs := make([]uint64, 1+c.random.IntN(3000)*c.random.IntN(2))
		for i := range xs {
			xs[i] = soakValue(n + i)
		}
		if err := r.Append(xs...); err != nil {
			c.refused("append", err)
			if r.Len() != n {
				c.say("error append was refused and changed the length from %d to %d", n, r.Len())
				os.Exit(3)
			}
			return
		}
		c.say("length %d", n+len(xs))
	case op < 78:
		if err := r.Sync(); err != nil {
			c.refused("sync", err)
			return
		}
		c.say("synced %d", n)
	case op < 86:
		more := c.random.IntN(20_000)
		if err := r.Resize(n + more); err != nil {
			c.refused("grow", err)
			return
		}
		for i := n; i < n+more; i++ {
			if x := r.At(i); x != 0 {
				c.say("error element %d is %#x after a growing Resize", i, x)
				os.Exit(3)
			}
			r.Set(i, soakValue(i))
		}
		c.say("length %d", n+more)
	case op < 89:
		cut(c.random.IntN(n + 1))
	case op < 92:
		if err := r.Mapping().Lock(); err != nil {
			c.refused("lock", err)
			return
		}
		if err := r.Mapping().Unlock(); err != nil {
			c.refused("unlock", err)
		}
	case op < 96: // beside an append
		var wait sync.WaitGroup
		wait.Add(1)
		go func() {
			defer wait.Done()
			_ = r.Prefault(0, n)
			_ = r.Flush()
		}()
		if err := r.Append(soakValue(n)); err != nil {
			c.refused("append", err)
		} else {
			c.say("length %d", n+1)
		}
		wait.Wait()
	default:
		_ = r.Mapping().Advise(0, r.Mapping().Len(), flags.WillNeed)
	}
}

func (c *soakChild) openSlab() (io.Closer, error) {
	s, err := slab.OpenMut[soakObject](c.path)
	if errors.Is(err, fs.ErrNotExist) {
		s, err = slab.Create[soakObject](c.path, soakSlots)
		if err == nil {
			c.say("created")
		}
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (c *soakChild) changeSlab(f io.Closer) {
	s := f.(*slab.Slab[soakObject])
	switch op := c.random.IntN(100); {
	case op < 60:
		id := c.random.Uint64()
		c.say("insert %d", id)
		h, err := s.Insert(soakObject{ID: id, Not: ^id})
		if err != nil {
			c.say("none %d", id)
			c.refused("insert", err)
			return
		}
		c.say("inserted %d %d", id, h.Uint64())
	case op < 90:
		skip := c.random.IntN(20)
		for h := range s.All() {
			if skip--; skip > 0 {
				continue
			}
			c.say("free %d", h.Uint64())
			if err := s.Free(h); err != nil {
				c.refused("free", err)
				return
			}
			c.say("freed %d", h.Uint64())
			return
		}
	case op < 98:
		if err := s.Sync(); err != nil {
			c.refused("sync", err)
			return
		}
		c.say("synced %d", s.Len())
	default:
		if _, err := s.Trim(); err != nil {
			c.refused("trim", err)
		}
	}
}

// read looks into the file until the process is told to end, and says at the end how much it has
// seen.
func (c *soakChild) read(look func() (checks int, err error)) {
	checks := 0
	for !c.stop() {
		n, err := look()
		checks += n
		var fault *typedmem.FaultError
		switch {
		case err == nil, errors.Is(err, fs.ErrNotExist):
		case errors.As(err, &fault):
			c.say("fault %s", strings.ReplaceAll(err.Error(), "\n", " / "))
		default:
			c.refused("read", err)
		}
	}
	c.say("checks %d", checks)
}

func (c *soakChild) lookRegion() (checks int, err error) {
	r, err := region.Open[uint64](c.path)
	if err != nil {
		return 0, err
	}
	defer func() {
		if e := r.Close(); e != nil {
			err = errors.Join(err, e)
		}
	}()
	good := func(i int, x uint64) {
		checks++
		if x != soakValue(i) && !soakUnset(i, x) {
			c.say("error a reader finds %#x in element %d of %d", x, i, r.Len())
			os.Exit(3)
		}
	}
	for n := c.random.IntN(300); n >= 0 && !c.stop(); n-- {
		length, err := r.Refresh()
		if err != nil {
			return checks, err
		}
		if length == 0 {
			continue
		}
		err = typedmem.Guard(func() error {
			for range 20 {
				i := c.random.IntN(length)
				good(i, r.At(i))
			}
			lo := c.random.IntN(length)
			for i, x := range r.Slice()[lo:min(length, lo+1000)] {
				good(lo+i, x)
			}
			return nil
		})
		if err != nil {
			return checks, err
		}
	}
	return checks, nil
}

func (c *soakChild) lookSlab() (checks int, err error) {
	s, err := slab.Open[soakObject](c.path)
	if err != nil {
		return 0, err
	}
	defer func() {
		if e := s.Close(); e != nil {
			err = errors.Join(err, e)
		}
	}()
	for n := c.random.IntN(10); n >= 0 && !c.stop(); n-- {
		err := typedmem.Guard(func() error {
			for h, x := range s.Values() {
				checks++
				if !x.whole() {
					c.say("error a reader finds a torn object %x: %v", h.Uint64(), x)
					os.Exit(3)
				}
			}
			return nil
		})
		if err != nil {
			return checks, err
		}
	}
	return checks, nil
}

// checkRegion tells the parent what a file holds that nobody has open.
func (c *soakChild) checkRegion() {
	r, err := region.Open[uint64](c.path)
	if errors.Is(err, fs.ErrNotExist) {
		c.say("none")
		return
	}
	if err != nil {
		c.refused("check", err)
		return
	}
	known, err := strconv.Atoi(os.Getenv("TYPEDMEM_SOAK_KNOWN"))
	if err != nil {
		known = 0
	}
	for i := range r.Len() {
		if x := r.At(i); x != soakValue(i) && (i < known || !soakUnset(i, x)) {
			c.say("error element %d is %#x, of %d, of which %d were acknowledged", i, x, r.Len(), known)
			os.Exit(3)
		}
	}
	c.say("has %d", r.Len())
	if err := r.Close(); err != nil {
		c.refused("check", err)
	}
}

func (c *soakChild) checkSlab() {
	s, err := slab.Open[soakObject](c.path)
	if errors.Is(err, fs.ErrNotExist) {
		c.say("none")
		return
	}
	if err != nil {
		c.refused("check", err)
		return
	}
	for h, x := range s.Values() {
		if !x.whole() {
			c.say("error object %x is torn: %v", h.Uint64(), x)
			os.Exit(3)
		}
		c.say("has %d %d", x.ID, h.Uint64())
	}
	c.say("end")
	if err := s.Close(); err != nil {
		c.refused("check", err)
	}
}
