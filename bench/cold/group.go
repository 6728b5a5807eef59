//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// group is a control group whose processes have a limited amount of memory, page cache included.
type group struct {
	dir string
	v1  bool
}

// The places at which the memory controller is mounted.
const (
	groupsV1 = "/sys/fs/cgroup/memory"
	groupsV2 = "/sys/fs/cgroup"
)

// noGroups says why there can be no group, "" where there can.
func noGroups() string {
	if os.Getuid() != 0 {
		return "a memory limit needs root"
	}
	g, err := newGroup(64 << 20)
	if err != nil {
		return fmt.Sprintf("no memory limit: %v", err)
	}
	if err := g.remove(); err != nil {
		return err.Error()
	}
	return ""
}

// newGroup makes a group of a limit in bytes.
func newGroup(limit int) (g *group, err error) {
	name := fmt.Sprintf("typedmem-cold-%d", os.Getpid())
	g, file := &group{dir: filepath.Join(groupsV1, name), v1: true}, "memory.limit_in_bytes"
	if _, err := os.Stat(filepath.Join(groupsV1, file)); err != nil {
		has, err := os.ReadFile(filepath.Join(groupsV2, "cgroup.controllers"))
		if err != nil || !strings.Contains(string(has), "memory") {
			return nil, errors.New("no memory controller, neither of version 1 nor of version 2")
		}
		if err := os.WriteFile(filepath.Join(groupsV2, "cgroup.subtree_control"), []byte("+memory"), 0); err != nil {
			return nil, err
		}
		g, file = &group{dir: filepath.Join(groupsV2, name)}, "memory.max"
	}
	if err := os.Mkdir(g.dir, 0o777); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(g.dir, file), []byte(strconv.Itoa(limit)), 0); err != nil {
		return nil, errors.Join(err, g.remove())
	}
	return g, nil
}

// remove takes the group away. Its processes have ended; the system may take a moment to notice.
func (g *group) remove() error {
	if g.v1 {
		// What is left of the page cache, so that it burdens nobody. It is only an attempt.
		_ = os.WriteFile(filepath.Join(g.dir, "memory.force_empty"), []byte("0"), 0)
	}
	err := unix.Rmdir(g.dir)
	for range 100 {
		if err != unix.EBUSY {
			break
		}
		time.Sleep(10 * time.Millisecond)
		err = unix.Rmdir(g.dir)
	}
	if err != nil {
		return &os.PathError{Op: "rmdir", Path: g.dir, Err: err}
	}
	return nil
}
