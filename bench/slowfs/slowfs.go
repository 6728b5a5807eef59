//go:build linux

// Package slowfs is a file system on which each page takes as long to read as one likes: a FUSE
// server in a process of its own, since a server that shares a process with its reader waits for
// itself. The files are those of a directory.
package slowfs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// FS is a mounted slow file system. Its methods are not safe for concurrent use.
type FS struct {
	dir string
	cmd *exec.Cmd
	in  io.WriteCloser
	enc *json.Encoder
	dec *json.Decoder
}

// Counts is what the file system did since it was mounted, or since Reset.
type Counts struct {
	Pages  int64 // read, each with the delay
	Writes int64 // requests
	AtOnce int64 // reads under way at once, at most
}

// Missing says why no slow file system can be mounted here, "" where it can.
func Missing() string {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Sprintf("no FUSE: %v", err)
	}
	f.Close()
	if os.Getuid() == 0 {
		return ""
	}
	if _, err := exec.LookPath("fusermount3"); err != nil {
		return fmt.Sprintf("not root, and %v", err)
	}
	return ""
}

// Mount shows the files of the directory backing in the empty directory dir, without a delay. It
// runs the program again, which has to call [Child] first.
func Mount(backing, dir string) (*FS, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	f := &FS{dir: dir, cmd: exec.Command(self)}
	f.cmd.Env = append(os.Environ(), envBacking+"="+backing, envDir+"="+dir)
	f.cmd.Stderr = os.Stderr
	if f.in, err = f.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := f.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	f.enc, f.dec = json.NewEncoder(f.in), json.NewDecoder(out)
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := f.reply(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Delay sets how long each page takes from now on.
func (f *FS) Delay(d time.Duration) error {
	_, err := f.ask(request{Op: opDelay, Delay: d})
	return err
}

// Break makes a page of the file at a path below the mount point unreadable: EIO.
func (f *FS) Break(path string, page int64) error {
	_, err := f.ask(request{Op: opBreak, Path: path, Page: page})
	return err
}

// Drop has the kernel forget what it has cached of the files, mapped pages included.
func (f *FS) Drop() error {
	_, err := f.ask(request{Op: opDrop})
	return err
}

// Counts returns what the file system did.
func (f *FS) Counts() (Counts, error) { return f.ask(request{Op: opCounts}) }

// Reset begins a new count.
func (f *FS) Reset() error {
	_, err := f.ask(request{Op: opReset})
	return err
}

// Close unmounts the file system. Files that are still open stay until they are closed.
func (f *FS) Close() error {
	err := errors.Join(f.in.Close(), f.cmd.Wait())
	if err != nil { // the server did not unmount
		if errno := unix.Unmount(f.dir, unix.MNT_DETACH); errno != nil && errno != unix.EINVAL {
			err = errors.Join(err, fmt.Errorf("unmount %s: %w", f.dir, errno))
		}
	}
	return err
}

func (f *FS) ask(r request) (Counts, error) {
	if err := f.enc.Encode(r); err != nil {
		return Counts{}, err
	}
	return f.reply()
}

func (f *FS) reply() (Counts, error) {
	var r reply
	if err := f.dec.Decode(&r); err != nil {
		return Counts{}, fmt.Errorf("the process of the slow file system ended: %w", err)
	}
	if r.Err != "" {
		return Counts{}, errors.New(r.Err)
	}
	return r.Counts, nil
}
