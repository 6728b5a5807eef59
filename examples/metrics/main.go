// Metrics counts what several processes do in one region file, and shows it over HTTP. Each worker
// passes lines on from its standard input to its standard output and counts them. Any process may
// be killed and started again at any time: what it has counted stays, and the others go on.
//
//	go run ./examples/metrics -serve localhost:8080 metrics.tm
//	go run ./examples/metrics -worker 0 metrics.tm < access.log > /dev/null
//	go run ./examples/metrics -worker 1 metrics.tm < other.log > /dev/null
//	curl localhost:8080
//	curl localhost:8080/metrics                # for Prometheus, with what is mapped
//	xdg-open http://localhost:8080/debug/typedmem
//
// The process that comes first makes the file.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	worker := flag.Int("worker", -1, fmt.Sprintf("count lines as this worker, from 0 to %d", workers-1))
	addr := flag.String("serve", "", "show the counters over HTTP at this address")
	flag.Parse()
	if flag.NArg() != 1 || (*worker == -1) == (*addr == "") {
		fmt.Fprintln(os.Stderr, "usage: metrics -worker N|-serve ADDRESS FILE")
		os.Exit(2)
	}
	var err error
	if *addr != "" {
		err = serve(flag.Arg(0), *addr)
	} else {
		err = work(flag.Arg(0), *worker, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "metrics:", err)
		os.Exit(1)
	}
}
