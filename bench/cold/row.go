//go:build linux

package main

import (
	"context"
	"time"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/bench/slowfs"
)

// row is one question that several contenders answer.
type row struct {
	name string
	what string // in a sentence or two, with the unit of the time
	slow bool   // it uses a slow file system
	need func() string

	tick  time.Duration // the period of the timer whose lateness is measured
	quiet bool          // no timer and no collections: the row is about time alone

	prepare func(ctx context.Context, p *place) error // makes the files, once
	fresh   func(p *place) error                      // before each process begins
	cold    func(p *place) error                      // when it is ready, before it is timed
	after   func(p *place) error                      // when it was timed, before it closes what it has

	contenders []contender
	targets    []target
}

// missing says why the row cannot run here, "" where it can.
func (r row) missing() string {
	if r.slow {
		if why := slowfs.Missing(); why != "" {
			return why
		}
	}
	if r.need != nil {
		return r.need()
	}
	return ""
}

// contender is one way. Each time it runs in a new process.
type contender struct {
	name  string
	lib   string // whose code it is: ours, theirs, or "" for what is no alternative, only a measure
	other bool   // it reads something else than the other ones, so that its sum is another
	most  int    // rounds at most, for what takes long; 0 for all
	// setup makes it ready. It runs in the process of the contender.
	setup func(j job) (work, error)
}

const (
	ours   = harness.Ours
	theirs = "another way"
)

// job is what the process of a contender needs to know.
type job struct {
	Row, Contender string
	Size           size
	Disk, Slow     string // directories: on the disk, and on the slow file system
	Seed           uint64 // the same for every contender of a round
	Group          string // a control group to join, "" for none
}

// work is a contender that is ready.
type work struct {
	ops     int
	run     func() (sum uint64, err error) // timed
	figures func() map[string]float64      // of the run: durations in nanoseconds
	close   func() error
}

// target is what a row is to show.
type target struct {
	what string
	most float64
	of   func(r harness.Result) float64
	unit func(float64) string
}

// size says how much of everything there is.
type size int

const (
	small size = iota // for tests
	middle
	full
)

// of returns the value for the size.
func of[T any](s size, forFull, forMiddle, forSmall T) T {
	return [...]T{forSmall, forMiddle, forFull}[s]
}

// allRows returns every row, in the order in which they run. A new one joins the list.
func allRows() []row {
	return []row{
		delayed16(), delayed64(), delayedAppend(), writes(), beside(), disk(1), disk(64), scan(), warm(), limited(1), limited(16),
	}
}
