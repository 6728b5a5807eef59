package container

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// A region file takes one descriptor: its mappings use the one of the File, and all files that were
// made in one directory use one of that.

// users counts who uses an open file; the last one closes it.
type users struct {
	f *os.File
	n atomic.Int32
}

func (u *users) done() error {
	if u.n.Add(-1) > 0 {
		return nil
	}
	return u.f.Close()
}

// Share returns what gives up one more share of the open file: it is closed with the last one, that
// of c included.
func (c *File) Share() (done func() error) {
	if c.users == nil {
		c.users = &users{f: c.f}
		c.users.n.Store(1)
	}
	c.users.n.Add(1)
	return c.users.done
}

// closeFile gives up the share of c.
func (c *File) closeFile() error {
	if c.users == nil {
		return c.f.Close()
	}
	return c.users.done()
}

// directory is an open directory, which the files in it share until their entries are on the
// device.
type directory struct {
	*os.File
	path  string
	info  os.FileInfo
	files int
}

// directories are the open ones by the path that each was opened with last.
var directories = struct {
	sync.Mutex
	open map[string]*directory
}{open: map[string]*directory{}}

// openDirectoryOf opens the directory of a file, or finds it open.
func openDirectoryOf(path string) (*directory, error) {
	path = filepath.Dir(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	directories.Lock()
	defer directories.Unlock()
	if d := directories.open[path]; d != nil && os.SameFile(d.info, info) {
		d.files++
		return d, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err != nil {
		_ = f.Close() // it was only looked at
		return nil, err
	}
	d := &directory{f, path, info, 1}
	directories.open[path] = d
	return d, nil
}

// Close gives up one file's share.
func (d *directory) Close() error {
	directories.Lock()
	defer directories.Unlock()
	if d.files--; d.files > 0 {
		return nil
	}
	if directories.open[d.path] == d {
		delete(directories.open, d.path)
	}
	return d.File.Close()
}
