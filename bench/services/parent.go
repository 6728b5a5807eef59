package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat"
)

// outcome is what the two processes of a contender took, added up; of several rounds the medians.
type outcome struct {
	contender contender
	rows      int
	report    report
	memory    memory             // the greater of the two processes
	disk      int64              // bytes of all files
	spread    map[string]float64 // of each phase: half the distance of the quartiles over the median
}

// middle returns the medians of rounds of one contender.
func middle(rounds []outcome) outcome {
	o := rounds[0]
	median := func(of func(outcome) float64) (m, spread float64) {
		var xs []float64
		for _, r := range rounds {
			xs = append(xs, of(r))
		}
		slices.Sort(xs)
		q := func(p float64) float64 { return stat.Quantile(p, stat.LinInterp, xs, nil) }
		if m = xs[len(xs)/2]; len(xs)%2 == 0 {
			m = (m + xs[len(xs)/2-1]) / 2
		}
		return m, (q(0.75) - q(0.25)) / 2 / m
	}
	phases := map[string]time.Duration{}
	o.spread = map[string]float64{}
	for name := range o.report.Phases {
		m, spread := median(func(r outcome) float64 { return float64(r.report.Phases[name]) })
		phases[name], o.spread[name] = time.Duration(m), spread
	}
	o.report.Phases = phases
	for figure, of := range map[*int64]func(outcome) int64{
		&o.memory.rss:             func(r outcome) int64 { return r.memory.rss },
		&o.memory.anon:            func(r outcome) int64 { return r.memory.anon },
		&o.disk:                   func(r outcome) int64 { return r.disk },
		&o.report.GCs:             func(r outcome) int64 { return r.report.GCs },
		(*int64)(&o.report.Pause): func(r outcome) int64 { return int64(r.report.Pause) },
	} {
		m, _ := median(func(r outcome) float64 { return float64(of(r)) })
		*figure = int64(m)
	}
	return o
}

// measure runs both processes of a contender in a new directory below dir and checks their results.
func measure(s service, c contender, rows int, dir, input string, want map[string]string) (o outcome, err error) {
	o = outcome{contender: c, rows: rows}
	o.report = report{Phases: map[string]time.Duration{}, Results: map[string]string{}}
	where, err := os.MkdirTemp(dir, "service")
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(where)) }()
	for _, write := range []bool{true, false} {
		p := process{Service: s.name, Contender: c.name, Write: write, Rows: rows, Dir: where, Input: input}
		r, m, err := start(c, p)
		if err != nil {
			return o, fmt.Errorf("%s, %s: %w", s.name, c.name, err)
		}
		for name, d := range r.Phases {
			o.report.Phases[name] += d
		}
		for name, text := range r.Results {
			if text != want[name] {
				return o, fmt.Errorf("%s, %s: %s is %s, want %s", s.name, c.name, name, text, want[name])
			}
			o.report.Results[name] = text
		}
		o.report.GCs += r.GCs
		o.report.Pause = max(o.report.Pause, r.Pause)
		o.memory = memory{max(o.memory.rss, m.rss), max(o.memory.anon, m.anon)}
		if write {
			if o.disk, err = sizeOf(where); err != nil {
				return o, err
			}
		}
	}
	for name := range want {
		if _, ok := o.report.Results[name]; !ok {
			return o, fmt.Errorf("%s, %s: has no result for %s", s.name, c.name, name)
		}
	}
	return o, nil
}

// start runs one process and watches its memory until it has printed its report.
func start(c contender, p process) (r report, m memory, err error) {
	self, err := os.Executable()
	if err != nil {
		return r, m, err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return r, m, err
	}
	cmd := exec.Command(self)
	if c.script != "" {
		cmd = exec.Command(python(), "-c", c.script)
	}
	cmd.Env = append(os.Environ(), envProcess+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return r, m, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return r, m, err
	}
	if err := cmd.Start(); err != nil {
		return r, m, err
	}
	stop := watch(cmd.Process.Pid)
	line, err := bufio.NewReader(out).ReadBytes('\n')
	m, watchErr := stop()
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err == nil && r.Err != "" {
		err = errors.New(r.Err)
	}
	return r, m, errors.Join(err, watchErr, in.Close(), cmd.Wait())
}

// sizeOf returns the bytes of all files in dir.
func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
