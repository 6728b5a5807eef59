//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/typedmem/typedmem/bench/slowfs"
)

// place is where a row runs: directories, a slow file system, a control group. remove takes all of
// it away.
type place struct {
	size  size
	root  string
	disk  string     // a directory on the disk
	slow  *slowfs.FS // nil where the row needs none
	mount string     // the directory at which it shows the files of disk
	group *group     // nil for none
}

func newPlace(dir string, s size, slow bool) (p *place, err error) {
	p = &place{size: s}
	if p.root, err = os.MkdirTemp(dir, "typedmem-cold"); err != nil {
		return nil, err
	}
	p.disk, p.mount = filepath.Join(p.root, "disk"), filepath.Join(p.root, "slow")
	err = errors.Join(os.Mkdir(p.disk, 0o777), os.Mkdir(p.mount, 0o777))
	if err == nil && slow {
		p.slow, err = slowfs.Mount(p.disk, p.mount)
	}
	if err != nil {
		return nil, errors.Join(err, p.remove())
	}
	return p, nil
}

func (p *place) remove() error {
	var err error
	if p.group != nil {
		err = p.group.remove()
	}
	if p.slow != nil {
		err = errors.Join(err, p.slow.Close())
	}
	return errors.Join(err, os.RemoveAll(p.root))
}

// hooks runs those that there are.
func (p *place) hooks(fs ...func(*place) error) error {
	for _, f := range fs {
		if f != nil {
			if err := f(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// measure runs a contender once, in a process of its own.
func (p *place) measure(ctx context.Context, r row, c contender, round int) (res result, err error) {
	if err := p.hooks(r.fresh); err != nil {
		return res, err
	}
	self, err := os.Executable()
	if err != nil {
		return res, err
	}
	j := job{Row: r.name, Contender: c.name, Size: p.size, Disk: p.disk, Slow: p.mount, Seed: uint64(round + 1)}
	if p.group != nil {
		j.Group = p.group.dir
	}
	b, err := json.Marshal(j)
	if err != nil {
		return res, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env, cmd.Stderr = append(os.Environ(), envJob+"="+string(b)), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return res, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return res, err
	}
	if err := cmd.Start(); err != nil {
		return res, err
	}
	lines := bufio.NewReader(out)
	// The process says that it is ready, waits for a line, runs, replies, waits, and closes.
	step := func() error {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return fmt.Errorf("the process of the contender ended: %w", err)
		}
		if err := json.Unmarshal(line, &res); err != nil {
			return err
		}
		if res.Err != "" {
			return errors.New(res.Err)
		}
		return nil
	}
	err = func() error {
		if err := step(); err != nil {
			return err
		}
		if err := p.hooks(r.cold); err != nil {
			return err
		}
		if _, err := io.WriteString(in, "\n"); err != nil {
			return err
		}
		return step()
	}()
	err = errors.Join(err, p.hooks(r.after))
	in.Close()
	return res, errors.Join(err, cmd.Wait())
}
