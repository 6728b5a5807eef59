package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/examples/internal/itself"
	"github.com/typedmem/typedmem/region"
)

func TestMain(m *testing.M) { itself.Main(m, main) }

const numbers = 100_000

// started serves a new file.
func started(t *testing.T) (s *server, url, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "numbers.tm")
	data, err := openOrMake(path, numbers)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = newServer(data)
	served := make(chan error, 1)
	go func() { served <- s.serve(l) }()
	t.Cleanup(func() {
		_ = s.http.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := data.Close(); err != nil && !errors.Is(err, typedmem.ErrClosed) {
			t.Error(err)
		}
	})
	return s, "http://" + l.Addr().String(), path
}

func get(url string) (status int, text string, err error) {
	r, err := http.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return r.StatusCode, strings.TrimSpace(string(b)), err
}

// Clients ask all the time while the server shuts down. Each request succeeds or gets 503, and all
// pins have ended: the region is closed.
func TestShutdownUnderLoad(t *testing.T) {
	s, url, path := started(t)
	sum := fmt.Sprint(float64(numbers) * (numbers - 1) / 2)
	want := map[string]string{"/values/7": "7", "/sum": sum}
	var clients sync.WaitGroup
	var succeeded atomic.Int32
	for c := range 8 {
		clients.Add(1)
		go func() {
			defer clients.Done()
			for i := c; ; i++ {
				what := [...]string{"/values/7", "/sum"}[i%2]
				switch status, text, err := get(url + what); {
				case err != nil:
					t.Errorf("%s: %v", what, err)
					return
				case status == http.StatusServiceUnavailable && text == "the server is shutting down":
					return
				case status != http.StatusOK || text != want[what]:
					t.Errorf("%s: %d %q, want %q", what, status, text, want[what])
					return
				}
				succeeded.Add(1)
			}
		}()
	}
	for succeeded.Load() < 50 && !t.Failed() {
		runtime.Gosched()
	}
	drained := make(chan time.Time)
	go func() {
		clients.Wait() // each has seen 503, as a load balancer would
		close(drained)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.shutdown(ctx, drained); err != nil {
		t.Fatal(err)
	}
	if _, err := s.data.Pin(); !errors.Is(err, typedmem.ErrClosed) || s.data.Len() != 0 {
		t.Errorf("after the shutdown: %d numbers, %v", s.data.Len(), err)
	}
	w, err := region.OpenMut[float64](path)
	if err != nil || w.Len() != numbers {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// A request that takes longer than the shutdown may holds the region open, and gets its result.
func TestARequestOutlastsTheShutdown(t *testing.T) {
	s, _, _ := started(t)
	inside, goOn := make(chan struct{}), make(chan struct{})
	slow := s.pinned(func(r *http.Request) (string, error) {
		close(inside)
		<-goOn
		return s.sum(r)
	})
	w, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		slow(w, httptest.NewRequest(http.MethodGet, "/sum", nil))
	}()
	<-inside
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := s.shutdown(ctx, nil)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "pins left: 1") {
		t.Errorf("shutdown: %v", err)
	}
	close(goOn)
	<-done
	if w.Code != http.StatusOK {
		t.Errorf("the request: %d %s", w.Code, w.Body)
	}
	if err := s.data.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// Another program cuts the file off: requests that need what is gone get 503, and the server goes
// on.
func TestTruncatedFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be cut off on this system")
	}
	s, url, path := started(t)
	if status, text, err := get(url + "/values/5"); status != http.StatusOK || text != "5" {
		t.Fatal(status, text, err)
	}
	if err := os.Truncate(path, 65536); err != nil { // the header stays
		t.Fatal(err)
	}
	for _, what := range []string{"/sum", "/values/5", "/sum"} {
		status, text, err := get(url + what)
		if err != nil || status != http.StatusServiceUnavailable || !strings.HasPrefix(text, "the data cannot be read now: ") {
			t.Errorf("%s: %d %q, %v", what, status, text, err)
		}
	}
	drained := make(chan time.Time)
	close(drained)
	if err := s.shutdown(t.Context(), drained); err != nil { // all pins have ended, those of the faults too
		t.Error(err)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	_, url, _ := started(t)
	for what, want := range map[string]int{
		"/values/x": http.StatusBadRequest, "/values/-1": http.StatusNotFound, fmt.Sprint("/values/", numbers): http.StatusNotFound,
	} {
		if status, text, err := get(url + what); err != nil || status != want {
			t.Errorf("%s: %d %q, %v", what, status, text, err)
		}
	}
}

func TestArgumentsAreRefused(t *testing.T) {
	out, err := itself.Command(t.Context()).CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "usage: httpserver") {
		t.Errorf("%v: %s", err, out)
	}
	out, err = itself.Command(t.Context(), "-addr", "nowhere", filepath.Join(t.TempDir(), "n.tm")).CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "httpserver: ") {
		t.Errorf("%v: %s", err, out)
	}
}
