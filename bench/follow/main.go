// Command follow measures Region.Follow between two processes: how long after an Append the element
// is yielded, for several rates of the writer, and the processor time of a reader whose writer
// rests.
//
//	cd bench && go run ./follow
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/typedmem/typedmem/region"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) == 2 {
		if err := follow(os.Args[1]); err != nil {
			log.Fatal(err)
		}
		return
	}
	dir, err := os.MkdirTemp("", "follow")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, pause := range []time.Duration{100 * time.Microsecond, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second} {
		fmt.Printf("an element each %v: ", pause)
		if _, err := run(filepath.Join(dir, pause.String()), pause, max(5*time.Second, 10*pause)); err != nil {
			log.Fatal(err)
		}
	}
	none, err := run(filepath.Join(dir, "none"), 0, 0)
	if err != nil {
		log.Fatal(err)
	}
	const rest = 60 * time.Second
	used, err := run(filepath.Join(dir, "rest"), rest, rest)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%v at rest: %v of processor time, %.3f %%\n", rest, used-none, 100*float64(used-none)/float64(rest))
}

// run appends the time to a new file, again and again until so long has passed, then 0. It returns
// the processor time of a process that follows the file.
func run(path string, pause, long time.Duration) (used time.Duration, err error) {
	w, err := region.Create[int64](path, 0)
	if err != nil {
		return 0, err
	}
	defer w.Close()
	reader := exec.Command(os.Args[0], path)
	reader.Stdout, reader.Stderr = os.Stdout, os.Stderr
	if err := reader.Start(); err != nil {
		return 0, err
	}
	time.Sleep(200 * time.Millisecond) // it starts
	for begin := time.Now(); time.Since(begin) < long; {
		time.Sleep(pause)
		if err := w.Append(time.Now().UnixNano()); err != nil {
			return 0, err
		}
	}
	if err := w.Append(0); err != nil {
		return 0, err
	}
	err = reader.Wait()
	return reader.ProcessState.UserTime() + reader.ProcessState.SystemTime(), err
}

// follow prints how late the elements of a file are, up to the first one that is 0.
func follow(path string) error {
	r, err := region.Open[int64](path)
	if err != nil {
		return err
	}
	defer r.Close()
	var lags []time.Duration
	for v, err := range r.Follow(context.Background()) {
		if err != nil {
			return err
		}
		now := time.Now().UnixNano()
		for x := range v.Values() {
			if x != 0 {
				lags = append(lags, time.Duration(now-x))
				continue
			}
			if slices.Sort(lags); len(lags) > 1 {
				at := func(part float64) time.Duration {
					return lags[int(part*float64(len(lags)-1))].Round(time.Microsecond)
				}
				fmt.Printf("lag %v (median), %v (99 %%), %v (most) of %d\n", at(0.5), at(0.99), at(1), len(lags))
			}
			return nil
		}
	}
	return nil
}
