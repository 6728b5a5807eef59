//go:build linux

package slowfs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The environment of the process that serves the file system.
const (
	envBacking = "TYPEDMEM_BENCH_SLOWFS_BACKING"
	envDir     = "TYPEDMEM_BENCH_SLOWFS_DIR"
)

type op string

const (
	opDelay  op = "delay"
	opBreak  op = "break"
	opDrop   op = "drop"
	opCounts op = "counts"
	opReset  op = "reset"
)

type request struct {
	Op    op
	Delay time.Duration
	Path  string
	Page  int64
}

type reply struct {
	Counts Counts
	Err    string
}

// Child serves the file system that the environment names and reports whether there was one. A
// program that mounts one calls it first. It serves until its standard input ends: however its
// parent ends, the mount goes.
func Child() (was bool, err error) {
	backing, dir := os.Getenv(envBacking), os.Getenv(envDir)
	if dir == "" {
		return false, nil
	}
	// The terminal sends an interrupt to the parent as well, which may still use the files.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	dev := &device{broken: map[page]bool{}}
	out := json.NewEncoder(os.Stdout)
	server, root, err := mount(backing, dir, dev)
	if err != nil {
		return true, out.Encode(reply{Err: fmt.Sprintf("mount %s: %v", dir, err)})
	}
	err = errors.Join(out.Encode(reply{}), serve(json.NewDecoder(os.Stdin), out, dev, root))
	// With files still open only a lazy unmount succeeds, and the process ends with the requests
	// that are under way.
	dev.delay.Store(0)
	if server.Unmount() != nil {
		err = errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH))
	}
	return true, err
}

// serve replies to requests until there are no more.
func serve(in *json.Decoder, out *json.Encoder, dev *device, root *node) error {
	for {
		var r request
		if err := in.Decode(&r); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		var a reply
		switch r.Op {
		case opDelay:
			dev.delay.Store(int64(r.Delay))
		case opBreak:
			dev.mu.Lock()
			dev.broken[page{r.Path, r.Page}] = true
			dev.mu.Unlock()
		case opDrop:
			if err := drop(root.EmbeddedInode()); err != nil {
				a.Err = fmt.Sprintf("drop what is cached: %v", err)
			}
		case opCounts:
			a.Counts = Counts{Pages: dev.pages.Load(), Writes: dev.writes.Load(), AtOnce: dev.atOnce.Load()}
		case opReset:
			dev.pages.Store(0)
			dev.writes.Store(0)
			dev.atOnce.Store(0)
		default:
			a.Err = fmt.Sprintf("no operation %q", r.Op)
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}
