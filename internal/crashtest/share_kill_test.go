package crashtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// sharingVariable holds the file, in a process that is one of several writers.
const sharingVariable = "TYPEDMEM_SHARES"

// counters is an element of the file. Sum is added to; Most is raised to the number of the element
// by compare-and-swap; the rest is never written to.
type counters struct {
	Sum, Most atomic.Uint64
	Rest      [6]uint64
}

const (
	shares        = 300 // elements: several pages
	exitOfSharing = 3   // of a process that ends with an error
)

func openShared(path string) (*region.Region[counters], error) {
	return region.OpenFile[counters](path, region.FileOptions{Write: true, Create: true, Shared: true, Len: shares})
}

// sharing adds to the counters until its input ends. It says "+ COUNTER N" before it adds N times 1
// to a counter, and "= COUNTER N" after that.
func sharing(path string) (err error) {
	var stop atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop.Store(true)
	}()
	r, err := openShared(path)
	for err == nil && !stop.Load() {
		i, n := rand.IntN(shares), 1+rand.IntN(1<<rand.IntN(10))
		fmt.Println("+", i, n)
		for range n {
			c := r.Ptr(i)
			c.Sum.Add(1)
			for x := c.Most.Load(); x < uint64(i); x = c.Most.Load() {
				c.Most.CompareAndSwap(x, x+1)
			}
		}
		fmt.Println("=", i, n)
		switch rand.IntN(50) {
		case 0:
			err = r.Sync()
		case 1:
			err = r.Flush()
		case 2, 3:
			if err = r.Close(); err == nil {
				r, err = openShared(path)
			}
		}
	}
	if err == nil {
		err = r.Close()
	}
	return err
}

// sharer is a process that adds, and what it has said.
type sharer struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	adds chan bool  // closed when it has begun to add, or has ended
	read chan error // sent to when all that it said was read
}

// sharers tracks what all the processes have begun to add to each counter, and have added.
type sharers struct {
	sync.Mutex
	begun, done [shares]uint64
}

func (s *sharers) start(t *testing.T, path string) *sharer {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), sharingVariable+"="+path)
	cmd.Stderr = os.Stderr
	p := &sharer{cmd, testkit.Must(cmd.StdinPipe())(t), make(chan bool), make(chan error, 1)}
	out := testkit.Must(cmd.StdoutPipe())(t)
	testkit.Check(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	go func() { p.read <- s.take(out, p.adds) }()
	return p
}

// take reads what a process says until it ends. A line that was cut short says nothing.
func (s *sharers) take(out io.Reader, adds chan bool) error {
	begins := sync.OnceFunc(func() { close(adds) })
	defer begins()
	for lines := bufio.NewReader(out); ; begins() {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil
		}
		var word string
		var i, n int
		if _, err := fmt.Sscan(line, &word, &i, &n); err != nil {
			return errors.New(line)
		}
		s.Lock()
		if word == "+" {
			s.begun[i] += uint64(n)
		} else {
			s.done[i] += uint64(n)
		}
		s.Unlock()
	}
}

// acknowledged fails unless the file has what was acknowledged.
func (s *sharers) acknowledged(t *testing.T, r *region.Region[counters]) {
	t.Helper()
	s.Lock()
	done := s.done
	s.Unlock()
	for i, n := range done {
		if have := r.Ptr(i).Sum.Load(); have < n {
			t.Fatalf("counter %d is %d, %d was acknowledged", i, have, n)
		}
	}
}

// Four processes add to counters in a file that they share. One of them is killed, at any instant
// of opening, adding, syncing and closing, and another one started, again and again. Nothing that
// was acknowledged is ever missing, nothing is added that nobody began to add, the others notice
// nothing, and in the end the rest of the file is as it was and the file opens for one writer.
// TYPEDMEM_SHARE_KILLS says how often.
func TestKilledSharedWriters(t *testing.T) {
	testenv.Processes(t)
	kills := testkit.Cond(testing.Short(), 10, 40)
	if n, err := strconv.Atoi(os.Getenv("TYPEDMEM_SHARE_KILLS")); err == nil {
		kills = n
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "shared")
	w := testkit.Must(openShared(path))(t)
	for i := range shares {
		for k := range w.Ptr(i).Rest {
			w.Ptr(i).Rest[k] = uint64(i)<<8 + uint64(k)
		}
	}
	testkit.Check(t, w.Close())
	header := testkit.Must(os.ReadFile(path))(t)[:container.DataOffset]
	r := testkit.Must(region.Open[counters](path))(t)
	testkit.CloseLater(t, r)

	var s sharers
	var all []*sharer
	for range 4 {
		all = append(all, s.start(t, path))
	}
	for kill := range kills {
		i := rand.IntN(len(all))
		if kill%3 > 0 { // the others are killed while they start
			<-all[i].adds
		}
		time.Sleep(time.Duration(rand.IntN(10_000)) * time.Microsecond) // the instant of the kill
		testkit.Check(t, all[i].cmd.Process.Kill())
		testkit.Check(t, <-all[i].read)
		if err := all[i].cmd.Wait(); err == nil || all[i].cmd.ProcessState.ExitCode() == exitOfSharing {
			t.Fatalf("it ended by itself: %v", err)
		}
		s.acknowledged(t, r)
		all[i] = s.start(t, path)
	}
	for _, p := range all {
		testkit.Check(t, p.in.Close())
		testkit.Check(t, <-p.read)
		testkit.Check(t, p.cmd.Wait())
	}
	if n, err := r.Refresh(); n != shares || err != nil {
		t.Fatal(n, err)
	}
	if now := testkit.Must(os.ReadFile(path))(t)[:container.DataOffset]; !bytes.Equal(now, header) {
		t.Error("the header block has changed")
	}
	testkit.Check(t, r.Close())
	alone := testkit.Must(region.OpenMut[counters](path))(t)
	testkit.CloseLater(t, alone)
	if alone.Len() != shares {
		t.Fatalf("%d counters", alone.Len())
	}
	var total, open uint64
	for i := range shares {
		c := alone.Ptr(i)
		sum, most := c.Sum.Load(), c.Most.Load()
		if sum < s.done[i] || sum > s.begun[i] || most > uint64(i) || s.done[i] > 0 && most != uint64(i) {
			t.Errorf("counter %d is %d, of which %d was acknowledged and %d begun; the other one is %d", i, sum, s.done[i], s.begun[i], most)
		}
		for k, x := range c.Rest {
			if x != uint64(i)<<8+uint64(k) {
				t.Errorf("element %d: word %d is %#x", i, k, x)
			}
		}
		total, open = total+sum, open+s.begun[i]-s.done[i]
	}
	testkit.Check(t, alone.Resize(shares+1))
	testkit.Check(t, alone.Close())
	if names := testkit.Names(t, dir); strings.Join(names, " ") != "shared" {
		t.Errorf("%v are there", names)
	}
	if total == 0 {
		t.Error("nothing was added")
	}
	t.Logf("%d kills, %d additions, %d of them begun and not acknowledged", kills, total, open)
}
