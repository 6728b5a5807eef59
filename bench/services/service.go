package main

import (
	"errors"
	"fmt"
	"time"
)

// A service is one program written once for each contender. A writing process makes the data and
// saves them; a reading process opens them again and works on them.
type service struct {
	name   string
	title  string
	rows   int                               // at full size
	phases []string                          // in the order of the table
	judged [][]string                        // phases, or sums of them, that the targets compare
	input  func(path string, rows int) error // writes what the processes read; nil: they generate it

	// expect finds the results that every contender has to agree on.
	expect func(rows int, input string) (map[string]string, error)

	contenders []contender
}

// restart is the phase of the reading process from opening until the first correct result.
const restart = "restart"

// A contender is one way to write the service.
type contender struct {
	name   string
	part   int    // has one part in this many of the rows at full size; 0: all of them
	loads  bool   // a restart reads everything into memory
	heap   bool   // the data are live on the garbage-collected heap
	unsafe bool   // no check of type, version or bounds: not one of the safe alternatives
	script string // a Python program that takes the place of the two functions

	write, read func(*process) error
}

// ours is the name of the contender that the targets are about.
const ours = "typedmem"

// process is what one process of a contender is told, and what it found out.
type process struct {
	Service, Contender string
	Write              bool
	Rows               int
	Dir, Input         string

	report report
}

// report is what a process prints, as one line of JSON.
type report struct {
	Phases  map[string]time.Duration
	Results map[string]string
	GCs     int64
	Pause   time.Duration // the longest
	Err     string
}

// phase runs f and records how long that took. A phase that runs twice adds up.
func (p *process) phase(name string, f func() error) error {
	start := time.Now()
	err := f()
	p.report.Phases[name] += time.Since(start)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// result records something that contenders have to agree on.
func (p *process) result(name string, values ...any) {
	p.report.Results[name] = fmt.Sprint(values...)
}

// find returns the service and the contender of these names.
func find(name, contender string) (s service, c contender, err error) {
	for _, s := range services() {
		for _, c := range s.contenders {
			if s.name == name && c.name == contender {
				return s, c, nil
			}
		}
	}
	return s, c, fmt.Errorf("there is no contender %q of a service %q: -list names all", contender, name)
}

// over makes a contender of what open returns, which keeps so many rows in the files of a
// directory. write fills and saves it, first finds a first result after a restart, and read does
// the rest.
func over[S interface{ Close() error }](c contender, open func(dir string, rows int, create bool) (S, error), write, first, read func(*process, S) error) contender {
	c.write = func(p *process) error {
		s, err := open(p.Dir, p.Rows, true)
		if err != nil {
			return err
		}
		return closing(s, func() error { return write(p, s) })
	}
	c.read = func(p *process) error {
		var s S
		opened := false
		err := p.phase(restart, func() (err error) {
			if s, err = open(p.Dir, p.Rows, false); err != nil {
				return err
			}
			opened = true
			return first(p, s)
		})
		if !opened {
			return err
		}
		return closing(s, func() error {
			if err != nil {
				return err
			}
			return read(p, s)
		})
	}
	return c
}

// closing runs f and closes c after it.
func closing(c interface{ Close() error }, f func() error) error {
	return errors.Join(f(), c.Close())
}
