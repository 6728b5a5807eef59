// Shared shows two processes on one region file: one appends measurements, the other follows them
// as they come. Either can be killed and started again at any time.
//
//	go run ./examples/shared -write -n 100000 measurements.tm
//	go run ./examples/shared -follow measurements.tm
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/typedmem/typedmem/region"
)

// Measurement is one element of the file. Opening the file with another type returns an error that
// shows the difference.
type Measurement struct {
	Number uint64
	Nanos  int64 // since 1970
	Value  float64
}

func main() {
	write := flag.Bool("write", false, "append measurements")
	follow := flag.Bool("follow", false, "print how far the writer is, as it goes")
	n := flag.Int("n", 1_000_000, "the number of measurements at which both stop")
	pause := flag.Duration("pause", 100*time.Microsecond, "the time between two measurements, and between two looks at ten times that")
	flag.Parse()
	if *write == *follow || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: shared -write|-follow [-n N] [-pause D] FILE")
		os.Exit(2)
	}
	if *n < 0 {
		fmt.Fprintf(os.Stderr, "shared: -n takes no negative number, not %d\n", *n)
		os.Exit(2)
	}
	run := appendTo
	if *follow {
		run = followFile
	}
	if err := run(flag.Arg(0), *n, *pause); err != nil {
		fmt.Fprintln(os.Stderr, "shared:", err)
		os.Exit(1)
	}
}

// appendTo goes on where the last writer stopped, however that ended.
func appendTo(path string, n int, pause time.Duration) (err error) {
	r, err := region.OpenMut[Measurement](path)
	if errors.Is(err, fs.ErrNotExist) {
		r, err = region.Create[Measurement](path, 0)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if _, err := fmt.Printf("writing from %d on\n", r.Len()); err != nil {
		return err
	}
	for i := r.Len(); i < n; i++ {
		if err := r.Append(Measurement{uint64(i), time.Now().UnixNano(), float64(i) / 2}); err != nil {
			return err
		}
		time.Sleep(pause)
	}
	_, err = fmt.Printf("wrote %d\n", r.Len())
	return err
}

// followFile checks each measurement as it comes, until there are n.
func followFile(path string, n int, pause time.Duration) (err error) {
	r, err := region.Open[Measurement](path)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "shared: waiting for %s\n", path)
	}
	for errors.Is(err, fs.ErrNotExist) { // the writer has not begun
		time.Sleep(10 * time.Millisecond)
		r, err = region.Open[Measurement](path)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	for seen := 0; seen < n; {
		length, err := r.Refresh()
		if err != nil {
			return err
		}
		fresh, err := r.Sub(min(seen, length), length)
		if err != nil {
			return err
		}
		for i, m := range fresh.All() {
			if m.Number != uint64(seen+i) || m.Value != float64(m.Number)/2 {
				return fmt.Errorf("measurement %d is %+v", seen+i, m)
			}
		}
		if length > seen {
			if _, err := fmt.Printf("read %d\n", length); err != nil {
				return err
			}
		}
		seen = length
		time.Sleep(10 * pause)
	}
	return nil
}
