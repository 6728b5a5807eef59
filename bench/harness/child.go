package harness

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// The environment of a process that runs one case: it replies to every line on its input with one
// round, as a line of JSON.
const (
	envRow    = "TYPEDMEM_BENCH_ROW"
	envCase   = "TYPEDMEM_BENCH_CASE"
	envLength = "TYPEDMEM_BENCH_LENGTH"
	envDisk   = "TYPEDMEM_BENCH_DISK"
	envFast   = "TYPEDMEM_BENCH_FAST"
	envQuick  = "TYPEDMEM_BENCH_QUICK"
)

// child is a case in a process of its own.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

type answer struct {
	Sample Sample
	Err    string
}

func startChild(row, name string, cfg Config, env *Env) (runner, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self)}
	c.cmd.Env = append(os.Environ(), envRow+"="+row, envCase+"="+name, envLength+"="+cfg.Length.String(), envDisk+"="+env.Disk, envFast+"="+env.Fast,
		envQuick+"="+strconv.FormatBool(cfg.Quick))
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := c.read(); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *child) read() (Sample, error) {
	if !c.out.Scan() {
		return Sample{}, fmt.Errorf("the process of the case ended early: %w", errors.Join(c.out.Err(), c.close()))
	}
	var a answer
	if err := json.Unmarshal(c.out.Bytes(), &a); err != nil {
		return Sample{}, fmt.Errorf("%q: %w", c.out.Text(), err)
	}
	if a.Err != "" {
		return Sample{}, errors.New(a.Err)
	}
	return a.Sample, nil
}

func (c *child) round() (Sample, error) {
	if c.cmd == nil {
		return Sample{}, errors.New("the process of the case has ended")
	}
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		return Sample{}, err
	}
	return c.read()
}

// close ends the process and returns what it ended with; a second one does nothing.
func (c *child) close() error {
	if c.cmd == nil {
		return nil
	}
	cmd := c.cmd
	c.cmd = nil
	return errors.Join(c.in.Close(), cmd.Wait())
}

// Child runs the case that the environment names and reports whether there was one. A program that
// measures rows with Own calls it first.
func Child(rows []Row) (was bool, err error) {
	name := os.Getenv(envRow)
	if name == "" {
		return false, nil
	}
	for _, r := range rows {
		if r.Name != name {
			continue
		}
		for _, c := range r.Cases {
			if c.Name == os.Getenv(envCase) {
				return true, serve(c)
			}
		}
	}
	return true, fmt.Errorf("no case %q in a row %q", os.Getenv(envCase), name)
}

func serve(c Case) (err error) {
	length, err := time.ParseDuration(os.Getenv(envLength))
	if err != nil {
		return err
	}
	env, cleanup, err := newEnv(os.Getenv(envQuick) == "true", os.Getenv(envDisk), os.Getenv(envFast))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanup()) }()
	out := json.NewEncoder(os.Stdout)
	l, err := startLocal(c, env, length)
	if err != nil {
		return out.Encode(answer{Err: err.Error()})
	}
	if err := out.Encode(answer{}); err != nil {
		return errors.Join(err, l.close())
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var a answer
		s, err := l.round()
		if err == nil {
			s.Peak, err = peak()
		}
		if a.Sample = s; err != nil {
			a.Err = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return errors.Join(err, l.close())
		}
	}
	return l.close()
}
