package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/debug"
	"github.com/typedmem/typedmem/region"
)

// sums are the counters of one worker, or of all.
type sums struct{ Lines, Bytes, Errors, Starts uint64 }

// report is what the server shows.
type report struct {
	Total   sums
	Workers map[int]sums // those that were ever started
}

// serve shows the counters until an interrupt (Ctrl-C).
func serve(path, addr string) (err error) {
	r, err := open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s := http.Server{Handler: handler(r), ReadHeaderTimeout: 5 * time.Second}
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	if _, err := fmt.Printf("counters on http://%v\n", l.Addr()); err != nil {
		return errors.Join(err, s.Close())
	}
	select {
	case err := <-served: // it could not go on
		return err
	case <-interrupted.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return s.Shutdown(ctx)
}

// handler serves the counters as JSON and for Prometheus, and what the process has mapped.
func handler(r *region.Region[Counters]) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", show(r))
	mux.Handle("/metrics", expose(r))
	mux.Handle("/debug/typedmem", debug.Handler())
	return mux
}

// current reads the counters. The region is pinned: it is not closed while a request that outlasts
// the shutdown reads it.
func current(r *region.Region[Counters]) (now report, err error) {
	unpin, err := r.Pin()
	if err != nil {
		return now, err
	}
	defer unpin()
	err = typedmem.Guard(func() error {
		now = read(r.Slice())
		return nil
	})
	return now, err
}

// show writes the report as JSON.
func show(r *region.Region[Counters]) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		now, err := current(r)
		if err != nil {
			http.Error(w, "the counters cannot be read now: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(now) // an error is the client's: it has gone
	}
}

// read adds up the counters.
func read(all []Counters) report {
	now := report{Workers: map[int]sums{}}
	for i := range all {
		c := &all[i]
		s := sums{c.Lines.Load(), c.Bytes.Load(), c.Errors.Load(), c.Starts.Load()}
		if s.Starts == 0 {
			continue
		}
		now.Workers[i] = s
		now.Total.Lines += s.Lines
		now.Total.Bytes += s.Bytes
		now.Total.Errors += s.Errors
		now.Total.Starts += s.Starts
	}
	return now
}
