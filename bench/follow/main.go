// Command follow measures Region.Follow between two processes: how long after an Append the element
// is yielded, for several rates of the writer, and the processor time of a reader whose writer
// rests.
//
//	cd bench && go run ./follow [-work 5s] [-rest 10s]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/bench/report"
	"github.com/typedmem/typedmem/region"
)

// envFollow names the file that the process follows instead of measuring.
const envFollow = "TYPEDMEM_BENCH_FOLLOW"

func main() {
	log.SetFlags(0)
	work := flag.Duration("work", 5*time.Second, "how long the writer works at each rate, at least ten elements")
	rest := flag.Duration("rest", 10*time.Second, "how long the writer rests")
	flag.Parse()
	err := error(nil)
	if path := os.Getenv(envFollow); path != "" {
		err = follow(os.Stdout, path)
	} else {
		err = measure(os.Stdout, *work, *rest)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func measure(out io.Writer, work, rest time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "typedmem-follow")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintf(out, "%s\n\n| the writer publishes each | lag, median | 99 %% of them | longest | elements |\n|---|---|---|---|---|\n", report.ThisMachine())
	for _, pause := range []time.Duration{100 * time.Microsecond, time.Millisecond, 20 * time.Millisecond, 100 * time.Millisecond, time.Second} {
		fmt.Fprintf(out, "| %v ", pause)
		if _, err := run(out, filepath.Join(dir, pause.String()), pause, 10, work); err != nil {
			return err
		}
	}
	none, err := run(out, filepath.Join(dir, "none"), 0, 0, 0)
	if err != nil {
		return err
	}
	used, err := run(out, filepath.Join(dir, "rest"), rest, 1, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "\n%v at rest: %v of processor time, %.2f %%\n", rest, used-none, 100*float64(used-none)/float64(rest))
	return err
}

// run appends the time to a new file, again and again, at least so many times and so long, then 0.
// It returns the processor time of a process that follows the file.
func run(out io.Writer, path string, pause time.Duration, least int, long time.Duration) (used time.Duration, err error) {
	w, err := region.Create[int64](path, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	reader := exec.Command(os.Args[0])
	reader.Env = append(os.Environ(), envFollow+"="+path)
	reader.Stdout, reader.Stderr = out, os.Stderr
	if err := reader.Start(); err != nil {
		return 0, err
	}
	time.Sleep(200 * time.Millisecond) // it starts
	for begin, n := time.Now(), 0; (n < least || time.Since(begin) < long) && err == nil; n++ {
		harness.Rest(pause)
		err = w.Append(time.Now().UnixNano())
	}
	err = errors.Join(err, w.Append(0), reader.Wait())
	return reader.ProcessState.UserTime() + reader.ProcessState.SystemTime(), err
}

// follow prints how late the elements of a file are, up to the first one that is 0.
func follow(out io.Writer, path string) error {
	r, err := region.Open[int64](path)
	if err != nil {
		return err
	}
	defer r.Close()
	var lags []float64
	for v, err := range r.Follow(context.Background()) {
		if err != nil {
			return err
		}
		now := time.Now().UnixNano()
		for x := range v.Values() {
			if x != 0 {
				lags = append(lags, float64(now-x))
				continue
			}
			if len(lags) > 1 {
				at := func(q float64) string { return report.Duration(harness.Quantile(q, lags)) }
				_, err = fmt.Fprintf(out, "| %s | %s | %s | %d |\n", at(0.5), at(0.99), at(1), len(lags))
			}
			return err
		}
	}
	return nil
}
