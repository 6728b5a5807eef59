//go:build linux && amd64

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/typedmem/typedmem/internal/crashtest"
)

// host starts machines, kills them and looks at their disks.
type host struct {
	root, fs           string
	rounds, cuts, most int
	seed               uint64

	dir   string
	lines []line
	acks  int
}

// systems are the file systems: how a disk gets one, and its name for mount(8).
var systems = map[string][]string{
	"ext4-1k": {"ext4", "mkfs.ext4", "-q", "-F", "-b", "1024"},
	"ext4-4k": {"ext4", "mkfs.ext4", "-q", "-F", "-b", "4096"},
	"xfs":     {"xfs", "mkfs.xfs", "-q", "-f"},
	"btrfs":   {"btrfs", "mkfs.btrfs", "-q", "-f"},
}

// line is a line that the machine has said.
type line struct {
	text string
	at   int64 // bytes of the disk's log when it was read: what it says is in them
}

var errNoStart = errors.New("the machine did not start")

const diskSize = 400 << 20 // XFS takes no less than 300 MiB

func (h *host) run() (err error) {
	if h.dir, err = os.MkdirTemp("", "crashtest"); err != nil {
		return err
	}
	defer os.RemoveAll(h.dir)
	if err := initramfs(h.path("initrd"), h.root); err != nil {
		return err
	}
	opened, disks := 0, 0
	for i := range h.rounds {
		n, d, err := 0, 0, errNoStart
		for try := 0; try < 3 && errors.Is(err, errNoStart); try++ { // on a busy machine the firmware's timers run out now and then
			n, d, err = h.round(rand.New(rand.NewPCG(h.seed+uint64(i), 7)), h.seed+uint64(i))
		}
		opened, disks = opened+n, disks+d
		if err != nil {
			return fmt.Errorf("%s, seed %d: %w", h.fs, h.seed+uint64(i), err)
		}
	}
	fmt.Printf("%s: %d machines killed, %d disks, %d files opened, %d lines of acknowledgement\n", h.fs, h.rounds, disks, opened, h.acks)
	return nil
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

// round kills one machine.
func (h *host) round(r *rand.Rand, seed uint64) (opened, disks int, err error) {
	system := systems[h.fs]
	if system == nil {
		return 0, 0, fmt.Errorf("file system %q", h.fs)
	}
	for name, size := range map[string]int64{"disk": diskSize, "log": 0} {
		if err := sized(h.path(name), size); err != nil {
			return 0, 0, err
		}
	}
	if out, err := exec.Command(system[1], append(system[2:], h.path("disk"))...).CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("%s: %w: %s", system[1], err, out)
	}
	if out, err := exec.Command("cp", "--sparse=always", h.path("disk"), h.path("fresh")).CombinedOutput(); err != nil {
		return 0, 0, fmt.Errorf("cp: %w: %s", err, out)
	}
	if err := h.machine(system[0], seed, time.Duration(500+r.IntN(1000*h.most))*time.Millisecond); err != nil {
		return 0, 0, err
	}
	h.acks += len(h.lines)
	if opened, err = h.look(h.path("disk"), system[0], 1<<62); err != nil {
		return opened, 1, fmt.Errorf("the disk as it was: %w", err)
	}
	requests, err := readLog(h.path("log"))
	if err != nil || len(requests) == 0 {
		return opened, 1, errors.Join(err, errors.New("no request was logged"))
	}
	for range h.cuts {
		n := 1 + r.IntN(len(requests))
		if out, err := exec.Command("cp", "--sparse=always", h.path("fresh"), h.path("disk")).CombinedOutput(); err != nil {
			return opened, disks, fmt.Errorf("cp: %w: %s", err, out)
		}
		f, err := os.OpenFile(h.path("disk"), os.O_RDWR, 0)
		if err != nil {
			return opened, disks, err
		}
		if err := errors.Join(replay(f, requests, n, r), f.Close()); err != nil {
			return opened, disks, err
		}
		k, err := h.look(h.path("disk"), system[0], requests[n-1].at)
		opened, disks = opened+k, disks+1
		if err != nil {
			return opened, disks, fmt.Errorf("the disk after %d requests of %d: %w", n, len(requests), err)
		}
	}
	return opened, disks + 1, nil
}

func sized(path string, n int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(n), f.Close())
}

// machine runs a machine that works for so long and is then killed.
func (h *host) machine(system string, seed uint64, long time.Duration) error {
	kernels, _ := filepath.Glob(filepath.Join(h.root, "boot/vmlinuz-*"))
	if len(kernels) == 0 {
		return fmt.Errorf("no kernel in %s/boot", h.root)
	}
	vm := exec.Command("qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "384", "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio",
		"-kernel", kernels[0], "-initrd", h.path("initrd"), "-append", fmt.Sprintf("console=ttyS0 quiet loglevel=3 panic=-1 fs=%s seed=%d", system, seed),
		"-blockdev", "driver=file,node-name=disk,filename="+h.path("disk"),
		"-blockdev", "driver=file,node-name=log,filename="+h.path("log"),
		"-blockdev", "driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size=512",
		"-device", "virtio-blk-pci,drive=logged")
	out, err := vm.StdoutPipe()
	if err != nil {
		return err
	}
	var said strings.Builder
	vm.Stderr = &said
	if err := vm.Start(); err != nil {
		return err
	}
	h.lines = nil
	var failed error
	boot := time.AfterFunc(time.Minute, func() { _ = vm.Process.Kill() })
	defer boot.Stop()
	ready := false
	var tail []string
	for in := bufio.NewReader(out); ; {
		text, err := in.ReadString('\n')
		if err != nil { // the last line may be cut short: it says nothing
			if err != io.EOF {
				failed = err
			}
			break
		}
		text = strings.TrimSpace(text)
		if tail = append(tail, text); len(tail) > 20 {
			tail = tail[1:]
		}
		switch {
		case strings.HasSuffix(text, "ready") && !ready: // behind what the firmware has said
			ready = true
			boot.Reset(long)
		case strings.HasPrefix(text, "error ") && failed == nil:
			failed = errors.New("the machine says: " + text)
			_ = vm.Process.Kill()
		case ready:
			info, err := os.Stat(h.path("log"))
			if err != nil {
				return err
			}
			h.lines = append(h.lines, line{text, info.Size()})
		}
	}
	_ = vm.Wait() // killed
	if !ready && failed == nil {
		failed = fmt.Errorf("%w: %s %s", errNoStart, strings.Join(tail, "\n"), said.String())
	}
	return failed
}

// look mounts a disk and checks its files against what counts where the log is cut at that byte.
func (h *host) look(disk, system string, cut int64) (opened int, err error) {
	files := crashtest.Promises{}
	for _, l := range h.lines {
		if err := files.Take(l.text, l.at <= cut); err != nil {
			return 0, err
		}
	}
	dir := h.path("mount")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return 0, err
	}
	if out, err := exec.Command("mount", "-t", system, "-o", "loop", disk, dir).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("mount: %w: %s", err, out)
	}
	opened, err = files.Check(dir)
	if out, e := exec.Command("umount", dir).CombinedOutput(); e != nil {
		err = errors.Join(err, fmt.Errorf("umount: %w: %s", e, out))
	}
	return opened, err
}
