package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/examples/internal/itself"
)

func TestMain(m *testing.M) { itself.Main(m, main) }

const (
	number = 3000
	width  = 24
)

// started serves a new file.
func started(t *testing.T) (s *server, url string) {
	t.Helper()
	v, err := openVectors(filepath.Join(t.TempDir(), "vectors.tm"), number, width)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.file.Close(); err != nil && !errors.Is(err, typedmem.ErrClosed) {
			t.Error(err)
		}
	})
	x, err := newIndex(v, 16)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = newServer(v, x)
	served := make(chan error, 1)
	go func() { served <- s.serve(l) }()
	t.Cleanup(func() {
		_ = s.http.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, "http://" + l.Addr().String()
}

// plainly finds the k of ids nearest to q among rows by sorting all.
func plainly(rows [][]float32, q []float32, ids []int, k int) []Hit {
	var all []Hit
	for _, i := range ids {
		var sum float32
		for j, x := range rows[i] {
			sum += (q[j] - x) * (q[j] - x)
		}
		all = append(all, Hit{i, sum})
	}
	slices.SortFunc(all, compare)
	return all[:min(k, len(all))]
}

// copied returns all vectors.
func copied(v vectors) (rows [][]float32) {
	for row := range slices.Chunk(slices.Clone(v.file.Slice()), v.rows.Width()) {
		rows = append(rows, row)
	}
	return rows
}

// All ways find what a plain loop does, whether the file is in memory or not, with several clients
// at once.
func TestSearchFindsTheNearest(t *testing.T) {
	s, url := started(t)
	rows := copied(s.vectors)
	everywhere := make([]int, number)
	for i := range everywhere {
		everywhere[i] = i
	}
	var clients sync.WaitGroup
	defer clients.Wait()
	for way := range ways {
		if err := evict(s.vectors); err != nil && !errors.Is(err, errors.ErrUnsupported) {
			t.Fatal(err)
		}
		for _, like := range []int{0, 1, number / 2, number - 1} {
			for _, probe := range []int{1, 3, 16} {
				clients.Add(1)
				go func() {
					defer clients.Done()
					q := rows[like]
					ids := s.index.candidates(q, probe)
					want := plainly(rows, q, ids, 5)
					got, err := ask(url, Query{q, 5, probe, way})
					if err != nil || !slices.Equal(got, want) || got[0] != (Hit{like, 0}) {
						t.Errorf("%s, vector %d, %d lists: %v, %v, want %v", way, like, probe, got, err, want)
					}
					if probe == 16 && !slices.Equal(ids, everywhere) {
						t.Errorf("all lists have %d vectors, want %d", len(ids), number)
					}
				}()
			}
		}
	}
}

// Each vector is in the list of its nearest centre, and only there.
func TestIndex(t *testing.T) {
	s, _ := started(t)
	rows := copied(s.vectors)
	var centres [][]float32
	all := make([]int, len(s.index.lists))
	for c := range s.index.lists {
		centres, all[c] = append(centres, s.index.centre(c)), c
	}
	for c, list := range s.index.lists {
		for _, i := range list {
			if want := plainly(centres, rows[i], all, 1)[0].ID; want != c {
				t.Errorf("vector %d is in list %d, want %d", i, c, want)
			}
		}
	}
	two := s.vectors
	var err error
	if two.rows, err = two.rows.Sub(0, 2); err != nil {
		t.Fatal(err)
	}
	if few, err := newIndex(two, 5); err != nil || len(few.lists) != 2 {
		t.Errorf("two vectors: %v", err)
	}
}

func TestGatherNothingAndBeyond(t *testing.T) {
	s, _ := started(t)
	if got, err := rankGathered(s.vectors, make([]float32, width), nil, 3); err != nil || len(got) != 0 {
		t.Errorf("no candidates: %v, %v", got, err)
	}
	if _, err := rankGathered(s.vectors, make([]float32, width), []int{1, number}, 3); !errors.Is(err, typedmem.ErrBounds) {
		t.Errorf("no such candidate: %v", err)
	}
}

// Another program cuts the file off: queries get 503, and the server goes on. So they do when the
// region is closed.
func TestQueriesThatCannotBeServed(t *testing.T) {
	s, url := started(t)
	q := Query{s.index.centre(15), 3, 16, ""}
	if _, err := ask(url, q); err != nil {
		t.Fatal(err)
	}
	fails := func() {
		t.Helper()
		for way := range ways {
			q.Way = way
			if _, err := ask(url, q); err == nil || !strings.HasPrefix(err.Error(), "503 Service Unavailable: the vectors cannot be read now: ") {
				t.Errorf("%s: %v", way, err)
			}
		}
	}
	if runtime.GOOS != "windows" { // a mapped file cannot be cut off there
		if err := os.Truncate(s.vectors.path, 65536); err != nil {
			t.Fatal(err)
		}
		fails()
	}
	if err := s.vectors.file.Close(); err != nil {
		t.Fatal(err)
	}
	fails()
}

func TestQueriesThatAreRefused(t *testing.T) {
	s, url := started(t)
	v := s.index.centre(0)
	for _, c := range []struct {
		q    Query
		want string
	}{
		{Query{v[1:], 1, 1, ""}, "the vector has 23 numbers, want 24"},
		{Query{append([]float32{1e30}, v[1:]...), 1, 1, ""}, "number 0 of the vector is 1e+30, want -1e15 to 1e15"},
		{Query{v, 0, 1, ""}, "k is 0, want 1 to 1000"},
		{Query{v, 1001, 1, ""}, "k is 1001"},
		{Query{v, 1, 0, ""}, "probe is 0, want 1 to 16"},
		{Query{v, 1, 17, ""}, "probe is 17"},
		{Query{v, 1, 1, "x"}, `way is "x"`},
	} {
		if _, err := ask(url, c.q); err == nil || !strings.HasPrefix(err.Error(), "400 Bad Request: "+c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	good, err := json.Marshal(Query{v, 1, 1, ""})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", "[]", `{"vector": "x"}`, strings.Repeat(" ", 1<<20) + string(good)} {
		r, err := http.Post(url+"/search", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if r.Body.Close(); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%.20q: %s", body, r.Status)
		}
	}
}

// The program makes a file, then uses the one there is, and prints both ways with their times.
func TestMeasuring(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vectors.tm")
	set := settings{path: path, n: number, width: width, lists: 8, load: load{clients: 2, queries: 3, k: 2, probe: 2}}
	for range 2 {
		var out strings.Builder
		if err := run(&out, set); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"3000 vectors of 24 numbers, 8 lists; 2 clients ask 3 times each\n", "timers late, 99 %  worst\n", "\nloop ", "\ngather "} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("no %q in\n%s", want, out.String())
			}
		}
		set.n, set.width = 1, 1 // of a new file
	}
	set.addr = "nowhere"
	if err := run(io.Discard, set); err == nil {
		t.Error("served at an address that is none")
	}
	set.addr, set.load.probe = "", 9
	if err := run(io.Discard, set); err == nil || !strings.Contains(err.Error(), "probe is 9, want 1 to 8") {
		t.Errorf("more lists than there are: %v", err)
	}
}

func TestFileWithoutVectors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vectors.tm")
	if err := makeVectors(path, 0, width); err != nil {
		t.Fatal(err)
	}
	if _, err := openVectors(path, number, width); err == nil || !strings.Contains(err.Error(), "has no vectors") {
		t.Error(err)
	}
}

func TestArgumentsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "v.tm")
	for _, args := range [][]string{{}, {"a", "b"}, {"-n", "0", path}, {"-probe", "-1", path}, {"-nonsense", path}} {
		out, err := itself.Command(t.Context(), args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "-width") {
			t.Errorf("%q: %v, %s", args, err, out)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
	out, err := itself.Command(t.Context(), filepath.Join(path, "none")).CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "embeddings: ") {
		t.Errorf("%v: %s", err, fmt.Sprint(string(out)))
	}
}
