//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/typedmem/typedmem/bench/harness"
)

// envJob is the environment variable that has a process run one contender once.
const envJob = "TYPEDMEM_BENCH_COLD"

// procs is the GOMAXPROCS of each contender, on every machine.
const procs = 2

// result is what a contender's process replies.
type result struct {
	Sample harness.Sample // with the figures of the pulse, and the contender's own
	Sum    uint64         // of what was read
	Err    string
}

// contenderChild runs the contender that the environment names and reports whether there was one.
func contenderChild() (was bool, err error) {
	s := os.Getenv(envJob)
	if s == "" {
		return false, nil
	}
	runtime.GOMAXPROCS(procs)
	var j job
	if err := json.Unmarshal([]byte(s), &j); err != nil {
		return true, err
	}
	if j.Group != "" {
		if err := os.WriteFile(filepath.Join(j.Group, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
			return true, err
		}
	}
	rows := allRows()
	r := rows[slices.IndexFunc(rows, func(r row) bool { return r.name == j.Row })]
	c := r.contenders[slices.IndexFunc(r.contenders, func(c contender) bool { return c.name == j.Contender })]
	out := json.NewEncoder(os.Stdout)
	w, err := c.setup(j)
	if err != nil {
		return true, out.Encode(result{Err: err.Error()})
	}
	lines := bufio.NewScanner(os.Stdin)
	if err := out.Encode(result{}); err != nil || !lines.Scan() {
		return true, err // the parent has ended
	}
	res, err := timed(r, w)
	if err != nil {
		res.Err = err.Error()
	}
	if err := out.Encode(res); err != nil {
		return true, err
	}
	for lines.Scan() { // up to the end of the input: the device is fast again
	}
	if w.close != nil {
		if err := w.close(); err != nil {
			return true, fmt.Errorf("%s, %s: close: %w", r.name, c.name, err)
		}
	}
	return true, nil
}

// timed runs the work beside the pulse.
func timed(r row, w work) (res result, err error) {
	var from, to syscall.Rusage
	runtime.GC()
	var p *pulse
	if !r.quiet {
		p = startPulse(r.tick)
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &from); err != nil {
		return res, err
	}
	begin := time.Now()
	res.Sum, err = w.run()
	took := time.Since(begin)
	if err != nil {
		return res, err
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &to); err != nil {
		return res, err
	}
	res.Sample.Wall = float64(took) / float64(w.ops)
	res.Sample.CPU = float64(cpu(&to)-cpu(&from)) / float64(w.ops)
	res.Sample.Faults = float64(to.Minflt + to.Majflt - from.Minflt - from.Majflt)
	res.Sample.More = map[string]float64{}
	if w.figures != nil {
		res.Sample.More = w.figures()
	}
	if p != nil {
		p.end(res.Sample.More)
	}
	return res, nil
}

func cpu(r *syscall.Rusage) int64 { return r.Utime.Nano() + r.Stime.Nano() }
