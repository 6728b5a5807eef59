package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/typedmem/typedmem/examples/internal/itself"
	"github.com/typedmem/typedmem/region"
)

func TestMain(m *testing.M) { itself.Main(m, main) }

// process is a worker that is fed lines all the time, and what it has passed on.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	begun  chan bool // closed when it has passed on some lines
	ended  chan bool // closed when all that it passed on was read
	stop   chan bool
	fed    chan sums // sent when feeding has ended
	passed sums
}

func start(t *testing.T, path string, worker int) *process {
	t.Helper()
	p := &process{
		cmd:   itself.Command(t.Context(), "-worker", fmt.Sprint(worker), path),
		begun: make(chan bool), ended: make(chan bool), stop: make(chan bool), fed: make(chan sums, 1),
	}
	p.cmd.Stderr = os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		p.in, err = p.cmd.StdinPipe()
	}
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go p.feed(worker)
	go p.read(out)
	return p
}

func (s *sums) add(line string) {
	s.Lines++
	s.Bytes += uint64(len(line))
	if strings.Contains(line, "error") {
		s.Errors++
	}
}

// feed writes lines until it is stopped or the process is gone.
func (p *process) feed(worker int) {
	var s sums
	defer func() { _ = p.in.Close(); p.fed <- s }()
	for i := 0; ; i++ {
		select {
		case <-p.stop:
			return
		default:
		}
		line := fmt.Sprintf("line %d of worker %d%s\n", i, worker, [...]string{"", " is an error"}[i%3/2])
		if _, err := io.WriteString(p.in, line); err != nil {
			return
		}
		s.add(line)
	}
}

func (p *process) read(out io.Reader) {
	defer close(p.ended)
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		if err != nil { // a line that was cut short says nothing
			return
		}
		if p.passed.add(line); p.passed.Lines == 20 {
			close(p.begun)
		}
	}
}

func get(t *testing.T, url string) (now report) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&now); err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(r.Status, err)
	}
	return now
}

// Four workers count, and one of them is killed at random instants and started again. The counters
// of the others are exact. Those of the killed one have each line that it passed on, and at most
// one more for each kill. The server, which is killed once too, shows what was counted.
func TestWorkersAreKilled(t *testing.T) {
	const kills, killed = 5, 2
	path := filepath.Join(t.TempDir(), "metrics.tm")
	server, url := serving(t, path)
	all := make([]*process, 4)
	for i := range all {
		all[i] = start(t, path, i)
	}
	var least sums // what the killed ones passed on
	for round := range kills {
		p := all[killed]
		<-p.begun
		time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond) // the instant of the kill
		if err := p.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		close(p.stop)
		<-p.ended
		if err := p.cmd.Wait(); err == nil || p.cmd.ProcessState.ExitCode() == 2 {
			t.Fatalf("it ended by itself: %v", err)
		}
		least = sums{least.Lines + p.passed.Lines, least.Bytes + p.passed.Bytes, least.Errors + p.passed.Errors, least.Starts + 1}
		now := get(t, url)
		within(t, now.Workers[killed], least, uint64(round+1))
		if round == 2 {
			if err := server.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = server.Wait()
			_, url = serving(t, path)
		}
		all[killed] = start(t, path, killed)
	}
	want := sums{Starts: kills + 4}
	for i, p := range all {
		<-p.begun
		close(p.stop)
		fed := <-p.fed
		<-p.ended
		if err := p.cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		fed.Starts = 1
		now := get(t, url).Workers[i]
		if i == killed {
			within(t, now, sums{least.Lines + fed.Lines, least.Bytes + fed.Bytes, least.Errors + fed.Errors, kills + 1}, kills)
		} else if now != fed {
			t.Errorf("worker %d: %+v are counted, it had %+v", i, now, fed)
		}
		want.Lines, want.Bytes, want.Errors = want.Lines+now.Lines, want.Bytes+now.Bytes, want.Errors+now.Errors
	}
	if now := get(t, url); now.Total != want || len(now.Workers) != 4 {
		t.Errorf("the total is %+v, want %+v; %d workers", now.Total, want, len(now.Workers))
	}
	t.Logf("%d kills, %d lines", kills, want.Lines)
}

// within fails unless the counters are those of the lines that were passed on, and at most so many
// more.
func within(t *testing.T, now, least sums, more uint64) {
	t.Helper()
	if now.Lines < least.Lines || now.Lines > least.Lines+more || now.Bytes < least.Bytes || now.Bytes > least.Bytes+100*more ||
		now.Errors < least.Errors || now.Errors > least.Errors+more || now.Starts != least.Starts {
		t.Fatalf("%+v are counted, and at most %d more than %+v are possible", now, more, least)
	}
}

// serving starts the server in a process of its own.
func serving(t *testing.T, path string) (server *exec.Cmd, url string) {
	t.Helper()
	server = itself.Command(t.Context(), "-serve", "127.0.0.1:0", path)
	server.Stderr = os.Stderr
	out, err := server.StdoutPipe()
	if err == nil {
		err = server.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	_, url, found := strings.Cut(strings.TrimSpace(line), "counters on ")
	if err != nil || !found {
		t.Fatalf("it says %q, %v", line, err)
	}
	return server, url
}

// A file that another program has cut off is an error of the request and of the worker.
func TestTruncatedFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be cut off on this system")
	}
	path := filepath.Join(t.TempDir(), "metrics.tm")
	r, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Truncate(path, 65536); err != nil { // the header stays
		t.Fatal(err)
	}
	if out, err := itself.Command(t.Context(), "-worker", "1", path).CombinedOutput(); err == nil || !strings.HasPrefix(string(out), "metrics: ") {
		t.Errorf("%v: %s", err, out)
	}
	for _, path := range []string{"/", "/metrics"} {
		w := httptest.NewRecorder()
		handler(r).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if unpin, err := r.Pin(); err != nil {
		t.Error(err)
	} else {
		unpin()
	}
	if err := r.Close(); err != nil {
		t.Errorf("a pin is left: %v", err)
	}
}

func TestArgumentsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.tm")
	for want, args := range map[string][]string{
		"usage: metrics":               {path},
		"usage: metrics -worker N":     {"-worker", "1", "-serve", "x", path},
		"metrics: worker 64: the file": {"-worker", "64", path},
		"metrics: worker -3: the file": {"-worker", "-3", path},
		"metrics: listen":              {"-serve", "nowhere", path},
	} {
		if out, err := itself.Command(t.Context(), args...).CombinedOutput(); err == nil || !strings.HasPrefix(string(out), want) {
			t.Errorf("%q: %v: %s", args, err, out)
		}
	}
	alone, err := region.OpenMut[Counters](path)
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Close()
	if out, err := itself.Command(t.Context(), "-worker", "1", path).CombinedOutput(); err == nil || !strings.Contains(string(out), "alone") {
		t.Errorf("%v: %s", err, out)
	}
}

// A line that could not be passed on is counted all the same, and an error.
func TestLostOutput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.tm")
	full := itself.Full(2)
	if err := work(path, 3, strings.NewReader("one\ntwo\nthree\nfour"), &full); !errors.Is(err, io.ErrShortWrite) {
		t.Fatal(err)
	}
	if err := work(path, 3, strings.NewReader("no newline"), io.Discard); err != nil {
		t.Fatal(err)
	}
	r, err := region.Open[Counters](path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if now := read(r.Slice()).Total; now != (sums{Lines: 4, Bytes: 24, Starts: 2}) {
		t.Errorf("%+v", now)
	}
}
