package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// outcome is what the two processes of a contender took, added up.
type outcome struct {
	contender contender
	rows      int
	report    report
	memory    memory // the greater of the two processes
	disk      int64  // bytes of all files
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
