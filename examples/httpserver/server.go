package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
)

type server struct {
	data     *region.Region[float64]
	http     http.Server
	stopping atomic.Bool
}

func newServer(data *region.Region[float64]) *server {
	s := &server{data: data}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /values/{i}", s.pinned(s.value))
	mux.HandleFunc("GET /sum", s.pinned(s.sum))
	s.http = http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return s
}

func (s *server) serve(l net.Listener) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// pinned makes a handler of a function that reads the region. The region stays open until the
// function returns. A fault, such as in a file that another program has cut off, is an error of the
// request and not the end of the process.
//
// The text is complete before the first byte is sent: it does not refer to the region, which may be
// closed while a slow client receives it.
func (s *server) pinned(read func(*http.Request) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var text string
		err := typedmem.ErrClosed
		if !s.stopping.Load() {
			var unpin func()
			if unpin, err = s.data.Pin(); err == nil {
				err = typedmem.Guard(func() error {
					defer unpin()
					text, err = read(r)
					return err
				})
			}
		}
		var fault *typedmem.FaultError
		switch {
		case err == nil:
			fmt.Fprintln(w, text) // an error is the client's: it has gone
		case errors.As(err, &fault):
			http.Error(w, "the data cannot be read now: "+fault.Err.Error(), http.StatusServiceUnavailable)
		case errors.Is(err, typedmem.ErrClosed):
			w.Header().Set("Connection", "close")
			http.Error(w, "the server is shutting down", http.StatusServiceUnavailable)
		case errors.Is(err, typedmem.ErrBounds):
			http.Error(w, err.Error(), http.StatusNotFound)
		default:
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}
}

// value returns one number.
func (s *server) value(r *http.Request) (string, error) {
	i, err := strconv.Atoi(r.PathValue("i"))
	if err != nil {
		return "", err
	}
	x, err := s.data.Load(i)
	return strconv.FormatFloat(x, 'g', -1, 64), err
}

// sum returns the sum of all numbers.
func (s *server) sum(r *http.Request) (string, error) {
	sum := 0.0
	for _, x := range s.data.All() {
		sum += x
	}
	return strconv.FormatFloat(sum, 'g', -1, 64), r.Context().Err()
}

// shutdown ends the server and closes the region. New requests get 503 from now on; the listener is
// closed once drained is. If ctx ends before all requests have, the error says how many pins are
// left, and the region stays open for them.
func (s *server) shutdown(ctx context.Context, drained <-chan time.Time) error {
	s.stopping.Store(true)
	select {
	case <-drained:
	case <-ctx.Done():
	}
	err := s.http.Shutdown(ctx)
	return errors.Join(err, s.data.Shutdown(ctx))
}
