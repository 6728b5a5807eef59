package region_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/testenv"
)

// TestSoak has one writer process change a file and four read it, with random kills of the writer,
// random limits of each process and a disk that is full at random (as root; elsewhere the disk is
// what there is). After each kill the file must hold what the writer had said it has: nothing else
// may be there, and no process may crash. A region file and a slab file take turns.
//
//	TYPEDMEM_SOAK=45m go test -run 'TestSoak$' -timeout 0 -v ./region
//
// TYPEDMEM_SOAK_SEED repeats the choices of a run; what the processes make of them hangs on their
// timing.
func TestSoak(t *testing.T) {
	testenv.Processes(t)
	length := 5 * time.Second
	if testing.Short() {
		length = 2 * time.Second
	}
	if text := os.Getenv("TYPEDMEM_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	seed := rand.Uint64()
	if text := os.Getenv("TYPEDMEM_SOAK_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	s := &soak{t: t, random: rand.New(rand.NewPCG(seed, 0)), end: time.Now().Add(length), each: min(5*time.Second, length/4), counts: map[string]int{}}
	t.Logf("TYPEDMEM_SOAK_SEED=%d, %v", seed, length)
	defer func() {
		var list []string
		for _, name := range soakCounters {
			list = append(list, fmt.Sprintf("%s %d", name, s.counts[name]))
		}
		t.Log(strings.Join(list, ", "))
	}()
	for n := 0; n == 0 || time.Now().Before(s.end); n++ {
		if s.epoch(n); t.Failed() {
			t.Logf("TYPEDMEM_SOAK_SEED=%d, epoch %d", seed, n)
			return
		}
	}
}

var soakCounters = []string{
	"epochs", "writers", "kills", "opens", "creates", "syncs", "lengths", "inserts", "frees", "disks filled",
	"refused full", "refused file", "refused descriptors", "refused addresses", "refused locked", "refused quota",
	"limits addresses", "limits file", "limits descriptors", "limits locked", "reader checks", "reader faults",
}

type soak struct {
	t      *testing.T
	random *rand.Rand
	end    time.Time
	each   time.Duration // of an epoch

	mu     sync.Mutex
	counts map[string]int
}

func (s *soak) count(name string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[name] += n
}

// soakModel is what the writers of one file have said.
type soakModel struct {
	known  int             // elements that the region has at the least
	live   map[uint64]bool // handles of the slab's objects
	ids    map[uint64]uint64
	begun  map[uint64]bool // ids whose Insert has begun
	ending map[uint64]bool // handles whose Free has begun
	made   bool            // the file is there
}

// epoch uses one file from its creation on.
func (s *soak) epoch(n int) {
	t := s.t
	s.count("epochs", 1)
	dir, small := s.disk(n)
	defer s.unmount(dir, small)
	kind := []string{"region", "slab"}[n%2]
	path := filepath.Join(dir, "file.tm")
	stop := time.Now().Add(s.each)
	if s.end.Before(stop) {
		stop = s.end
	}

	var readers []*soakProcess
	for range 4 {
		readers = append(readers, s.start("reader", kind, path, 0))
	}
	filling, filled := context.WithCancel(context.Background())
	var filler sync.WaitGroup
	if small {
		filler.Add(1)
		random := rand.New(rand.NewPCG(s.random.Uint64(), 0))
		go func() {
			defer filler.Done()
			s.fill(filling, dir, random)
		}()
	}
	model := &soakModel{live: map[uint64]bool{}, ids: map[uint64]uint64{}}
	for first := true; first || time.Now().Before(stop) && !t.Failed(); first = false {
		w := s.start("writer", kind, path, 0)
		s.count("writers", 1)
		after := time.Duration(1+s.random.IntN(30)) * time.Millisecond
		if s.random.IntN(3) > 0 {
			after = time.Duration(s.random.IntN(400)) * time.Millisecond
		}
		kill := s.random.IntN(8) > 0
		select {
		case <-w.done:
		case <-time.After(after):
			if kill {
				_ = w.cmd.Process.Kill()
				s.count("kills", 1)
			}
		}
		s.finish(w, kill)
		model.begun, model.ending = map[uint64]bool{}, map[uint64]bool{}
		s.take(model, w)
		c := s.start("check", kind, path, model.known)
		s.finish(c, false)
		s.compare(kind, model, c)
	}
	filled()
	filler.Wait()
	for _, r := range readers {
		s.finish(r, false)
		s.take(nil, r)
	}
}

// disk makes a place for the files: as root mostly a small disk of its own.
func (s *soak) disk(n int) (dir string, small bool) {
	dir, err := os.MkdirTemp(s.t.TempDir(), "disk")
	if err != nil {
		s.t.Fatal(err)
	}
	if os.Getuid() != 0 || n%8 == 7 {
		return dir, false
	}
	size := 6 + s.random.IntN(20)
	if s.random.IntN(2) == 0 {
		return dir, mountTmpfs(dir, fmt.Sprintf("size=%dm", size)) == nil
	}
	image := dir + ".img"
	if err := os.WriteFile(image, nil, 0o600); err == nil {
		err = os.Truncate(image, int64(size)<<20)
		if err == nil && exec.Command("mkfs.ext4", "-q", "-F", "-O", "^has_journal", image).Run() == nil &&
			exec.Command("mount", "-o", "loop", image, dir).Run() == nil {
			return dir, true
		}
	}
	return dir, mountTmpfs(dir, fmt.Sprintf("size=%dm", size)) == nil
}

func (s *soak) unmount(dir string, small bool) {
	if small {
		unmount(s.t, dir)
	}
	_ = os.RemoveAll(dir)
	_ = os.Remove(dir + ".img")
}

// fill makes the disk full and gives the space back, again and again, at random.
func (s *soak) fill(ctx context.Context, dir string, random *rand.Rand) {
	wait := func(most int) bool {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Duration(random.IntN(most)) * time.Millisecond):
			return true
		}
	}
	for wait(700) {
		path := filepath.Join(dir, "filler")
		f, err := os.Create(path)
		if err != nil {
			continue // not even room for its entry
		}
		for block := 1 << 20; block >= 512; block /= 8 {
			for err = nil; err == nil; {
				_, err = f.Write(make([]byte, block))
			}
		}
		s.count("disks filled", 1)
		more := wait(300)
		_ = f.Close()
		_ = os.Remove(path)
		if !more {
			return
		}
	}
}

// soakProcess is a child.
type soakProcess struct {
	role string
	cmd  *exec.Cmd
	in   io.Closer
	out  bytes.Buffer
	err  bytes.Buffer
	done chan struct{} // closed when the child has ended
	wait error
}

func (s *soak) start(role, kind, path string, known int) *soakProcess {
	s.t.Helper()
	program, err := os.Executable()
	if err != nil {
		s.t.Skip("the test binary does not know its name: ", err)
	}
	p := &soakProcess{role: role, cmd: exec.Command(program, "-test.run=^TestSoakChild$", "-test.timeout=0"), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), "TYPEDMEM_SOAK_ROLE="+role, "TYPEDMEM_SOAK_KIND="+kind, "TYPEDMEM_SOAK_FILE="+path,
		fmt.Sprintf("TYPEDMEM_SOAK_KNOWN=%d", known), fmt.Sprintf("TYPEDMEM_SOAK_CHILD_SEED=%d", s.random.Uint64()))
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		s.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		p.wait = p.cmd.Wait()
		close(p.done)
	}()
	return p
}

// finish has a child end, and looks at how it did.
func (s *soak) finish(p *soakProcess, killed bool) {
	_ = p.in.Close()
	select {
	case <-p.done:
	case <-time.After(2 * time.Minute):
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // shows where its goroutines are
		<-p.done
		s.t.Errorf("a %s does not end\n%s", p.role, p.err.String())
		return
	}
	status, _ := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	dead := killed && status.Signaled() && status.Signal() == syscall.SIGKILL
	if p.wait != nil && !dead || p.err.Len() > 0 && !strings.HasPrefix(p.err.String(), "PASS") {
		s.t.Errorf("a %s ended with %v\n%s\n%s", p.role, p.wait, p.err.String(), last(p.out.String(), 30))
	}
	for _, crash := range []string{"fatal error", "SIGSEGV", "SIGBUS", "unexpected fault", "panic:", "DATA RACE"} {
		if strings.Contains(p.out.String(), crash) {
			s.t.Errorf("a %s says %q\n%s", p.role, crash, last(p.out.String(), 60))
		}
	}
}

func last(text string, n int) string {
	lines := strings.Split(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// take adds what a child said to the model and to the counters.
func (s *soak) take(m *soakModel, p *soakProcess) {
	for line := range strings.Lines(p.out.String()) {
		if !strings.HasSuffix(line, "\n") {
			return // the child was killed while it wrote
		}
		word := append(strings.Fields(line), "", "", "", "")
		a, _ := strconv.ParseUint(word[1], 10, 64)
		b, _ := strconv.ParseUint(word[2], 10, 64)
		switch word[0] {
		case "created":
			s.count("creates", 1)
			m.made = true
		case "opened":
			s.count("opens", 1)
			m.made = true
		case "length":
			s.count("lengths", 1)
			m.known = int(a)
		case "cut":
			m.known = min(m.known, int(a))
		case "synced":
			s.count("syncs", 1)
		case "insert":
			m.begun[a] = true
		case "none":
			delete(m.begun, a)
		case "inserted":
			s.count("inserts", 1)
			if m.live[b] {
				s.t.Errorf("handle %x was given out twice", b)
			}
			m.live[b], m.ids[b] = true, a
		case "free":
			m.ending[a] = true
		case "freed":
			s.count("frees", 1)
			delete(m.live, a)
		case "refused":
			s.count("refused "+word[1], 1)
		case "limit":
			s.count("limits "+word[1], 1)
		case "checks":
			s.count("reader checks", int(a))
		case "error":
			s.t.Errorf("a %s says %s", p.role, line)
		case "fault": // which Guard has caught, as documented
			s.count("reader faults", 1)
			s.t.Logf("a %s says %s", p.role, line)
		}
	}
}

// compare holds what a checker found in the file against the model, which then is what the file
// holds.
func (s *soak) compare(kind string, m *soakModel, c *soakProcess) {
	t := s.t
	found, ended := map[uint64]uint64{}, kind == "region"
	for line := range strings.Lines(c.out.String()) {
		word := append(strings.Fields(line), "", "", "")
		a, _ := strconv.ParseUint(word[1], 10, 64)
		b, _ := strconv.ParseUint(word[2], 10, 64)
		switch word[0] {
		case "none":
			if m.made {
				t.Error("the file is gone")
			}
			return
		case "error", "refused":
			t.Errorf("a check says %s", line)
			return
		case "end":
			ended = true
		case "has":
			if kind == "region" {
				if int(a) < m.known {
					t.Errorf("%d elements are left of %d", a, m.known)
				}
			} else {
				found[b] = a
			}
		}
	}
	if kind == "region" {
		return
	}
	if !ended {
		t.Errorf("a check did not get to its end:\n%s", last(c.out.String(), 10))
		return
	}
	for h, id := range found {
		switch known, was := m.ids[h]; {
		case was && known != id:
			t.Errorf("object %x has id %d, want %d", h, id, known)
		case was && !m.live[h]:
			t.Errorf("object %x is back", h)
		case !was && !m.begun[id]:
			t.Errorf("object %x with id %d that nobody made", h, id)
		}
	}
	for h := range m.live {
		if _, there := found[h]; !there && !m.ending[h] {
			t.Errorf("object %x is gone", h)
		}
	}
	for h := range m.live {
		if _, there := found[h]; !there {
			delete(m.live, h)
		}
	}
	for h, id := range found {
		m.live[h], m.ids[h] = true, id
	}
}
