// Httpserver serves the numbers in a region file over HTTP. Each request pins the region, so that
// the file can be closed while requests run: they end, and later ones get 503.
//
//	go run ./examples/httpserver -addr localhost:8080 numbers.tm
//	curl localhost:8080/values/7
//	curl localhost:8080/sum
//
// It makes a file of a million numbers if there is none. An interrupt (Ctrl-C) ends it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"time"

	"github.com/typedmem/typedmem/region"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "where to listen")
	drain := flag.Duration("drain", time.Second, "how long to return 503 before the listener is closed, so that a load balancer notices")
	limit := flag.Duration("limit", 10*time.Second, "how long the end may take")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: httpserver [-addr A] [-drain D] [-limit D] FILE")
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *addr, *drain, *limit); err != nil {
		fmt.Fprintln(os.Stderr, "httpserver:", err)
		os.Exit(1)
	}
}

func run(path, addr string, drain, limit time.Duration) error {
	data, err := openOrMake(path, 1_000_000)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return errors.Join(err, data.Close())
	}
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s := newServer(data)
	served := make(chan error, 1)
	go func() { served <- s.serve(l) }()
	fmt.Printf("serving %d numbers on http://%v\n", data.Len(), l.Addr())
	select {
	case err = <-served: // it could not go on
	case <-interrupted.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return errors.Join(err, s.shutdown(ctx, time.After(drain)))
}

// openOrMake opens a file of numbers for reading, and makes one of n numbers if there is none.
func openOrMake(path string, n int) (*region.Region[float64], error) {
	r, err := region.Open[float64](path)
	if !errors.Is(err, fs.ErrNotExist) {
		return r, err
	}
	w, err := region.Create[float64](path, n)
	if err != nil {
		return nil, err
	}
	for i := range n {
		w.Set(i, float64(i))
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return region.Open[float64](path)
}
