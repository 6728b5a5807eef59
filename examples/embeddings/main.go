// Command embeddings searches vectors that lie in a file larger than memory, over HTTP. A coarse
// index in memory gives candidates, and the exact distances are computed from the file: a few
// hundred vectors from all over it for each query.
//
//	go run ./examples/embeddings -addr localhost:8080 vectors.tm
//	curl localhost:8080/search -d '{"vector": [...], "k": 5, "probe": 4}'
//
// Without -addr it takes the file out of memory, asks itself from several clients, and prints how
// long the queries take and how late timers fire meanwhile: once with candidates that are read in
// place, by page faults, and once with [region.View.Gather].
//
//	go run ./examples/embeddings vectors.tm
//
// It makes a file of random vectors if there is none. The file has to be on a disk: what lies in
// tmpfs cannot leave memory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"time"
)

// settings are the flags.
type settings struct {
	path, addr      string
	n, width, lists int
	load            load
}

func main() {
	var s settings
	flag.StringVar(&s.addr, "addr", "", "serve at this address until an interrupt, and measure nothing")
	flag.IntVar(&s.n, "n", 200_000, "vectors of a new file")
	flag.IntVar(&s.width, "width", 128, "numbers in a vector of a new file")
	flag.IntVar(&s.lists, "lists", 256, "lists of the index")
	flag.IntVar(&s.load.clients, "clients", 8, "clients that ask at once")
	flag.IntVar(&s.load.queries, "queries", 20, "queries of each client")
	flag.IntVar(&s.load.k, "k", 10, "vectors to find")
	flag.IntVar(&s.load.probe, "probe", 2, "lists to look into")
	flag.Parse()
	s.path = flag.Arg(0)
	if flag.NArg() != 1 || min(s.n, s.width, s.lists, s.load.clients, s.load.queries, s.load.k, s.load.probe) < 1 {
		fmt.Fprintln(os.Stderr, "usage: embeddings [-addr A] FILE; all numbers are 1 or more")
		flag.PrintDefaults()
		os.Exit(2)
	}
	if err := run(os.Stdout, s); err != nil {
		fmt.Fprintln(os.Stderr, "embeddings:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, set settings) (err error) {
	v, err := openVectors(set.path, set.n, set.width)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.file.Close()) }()
	x, err := newIndex(v, set.lists)
	if err != nil {
		return err
	}
	addr := set.addr
	if addr == "" {
		addr = "localhost:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s := newServer(v, x)
	served := make(chan error, 1)
	go func() { served <- s.serve(l) }()
	url := "http://" + l.Addr().String()
	if set.addr == "" {
		err = compareWays(w, s, url, set.load)
	} else {
		fmt.Fprintf(w, "serving %d vectors on %s\n", v.rows.Len(), url)
		interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		select {
		case err = <-served: // it could not go on
			return err
		case <-interrupted.Done():
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, s.http.Shutdown(ctx), <-served)
}
