package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/typedmem/typedmem"
)

// work passes lines on until in ends. A line that was passed on is counted, whatever happens to the
// process then.
func work(path string, worker int, in io.Reader, out io.Writer) (err error) {
	r, err := open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if worker < 0 || worker >= r.Len() {
		return fmt.Errorf("worker %d: the file has the workers 0 to %d", worker, r.Len()-1)
	}
	c := r.Ptr(worker) // raw memory: it is valid until Close
	count := func(line []byte) error {
		// A file that another program has cut off is an error, and not the end of the process.
		return typedmem.Guard(func() error {
			c.Lines.Add(1)
			c.Bytes.Add(uint64(len(line)))
			if bytes.Contains(line, []byte("error")) {
				c.Errors.Add(1)
			}
			return nil
		})
	}
	if err := typedmem.Guard(func() error { c.Starts.Add(1); return nil }); err != nil {
		return err
	}
	for lines := bufio.NewReader(in); ; {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if err := count(line); err != nil {
				return err
			}
			if _, err := out.Write(line); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return r.Sync() // for a power failure; a killed process does not need it
		}
		if err != nil {
			return err
		}
	}
}
