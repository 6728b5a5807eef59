package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/typedmem/typedmem"
)

// Query asks for the K vectors nearest to Vector.
type Query struct {
	Vector []float32 `json:"vector"`
	K      int       `json:"k"`
	Probe  int       `json:"probe"` // how many lists of the index to look into
	Way    string    `json:"way"`   // "gather" if it is empty, or "loop"
}

type server struct {
	vectors vectors
	index   *index
	http    http.Server
}

func newServer(v vectors, x *index) *server {
	s := &server{vectors: v, index: x}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /search", s.search)
	s.http = http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return s
}

func (s *server) serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// search takes a Query and sends the Hits as JSON.
func (s *server) search(w http.ResponseWriter, r *http.Request) {
	var q Query
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := s.check(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	found, err := s.find(q)
	if err != nil { // the file was cut off or cannot be read, or the region is closed
		http.Error(w, "the vectors cannot be read now: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(found) // an error is the client's: it has gone
}

// check sets what was left out and refuses what no vector can match.
func (s *server) check(q *Query) error {
	if q.Way == "" {
		q.Way = "gather"
	}
	const most = 1e15 // the squares of larger ones add up to infinity
	large := slices.IndexFunc(q.Vector, func(x float32) bool { return x < -most || x > most })
	switch {
	case large >= 0:
		return fmt.Errorf("number %d of the vector is %g, want -1e15 to 1e15", large, q.Vector[large])
	case len(q.Vector) != s.index.width:
		return fmt.Errorf("the vector has %d numbers, want %d", len(q.Vector), s.index.width)
	case q.K < 1 || q.K > 1000:
		return fmt.Errorf("k is %d, want 1 to 1000", q.K)
	case q.Probe < 1 || q.Probe > len(s.index.lists):
		return fmt.Errorf("probe is %d, want 1 to %d", q.Probe, len(s.index.lists))
	case ways[q.Way] == nil:
		return fmt.Errorf(`way is %q, want "gather" or "loop"`, q.Way)
	}
	return nil
}

func (s *server) find(q Query) ([]Hit, error) {
	unpin, err := s.vectors.file.Pin()
	if err != nil {
		return nil, err
	}
	defer unpin()
	found, err := ways[q.Way](s.vectors, q.Vector, s.index.candidates(q.Vector, q.Probe), q.K)
	var fault *typedmem.FaultError
	if errors.As(err, &fault) {
		return nil, fault.Err
	}
	return found, err
}
