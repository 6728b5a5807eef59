package container

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/sys"
)

// directory is an open directory. The files in it share it until their entries are on the device.
type directory struct {
	*os.File
	path  string
	info  os.FileInfo
	files int // how many share it
}

// directories holds the open directories, by the path that each was opened with.
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
		_ = f.Close() // nothing was written to it
		return nil, err
	}
	d := &directory{f, path, info, 1}
	directories.open[path] = d
	return d, nil
}

// Close ends the share of one file. The last one closes the directory. d may be nil.
func (d *directory) Close() error {
	if d == nil {
		return nil
	}
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

// openDirectory opens the directory for the first Sync, since it may be renamed before that. A
// directory without read permission cannot be opened; SyncEntry then does without it.
func (c *File) openDirectory() {
	if c.entryUnsynced = sys.EntriesNeedSync; c.entryUnsynced {
		c.directory, _ = openDirectoryOf(c.path)
		if c.directory != nil { // for a file that the collector closes
			c.dropDirectory = runtime.AddCleanup(c, func(d *directory) { _ = d.Close() }, c.directory)
		}
	}
}

// closeDirectory ends this file's share of its directory.
func (c *File) closeDirectory() error {
	d := c.directory
	c.directory = nil
	c.dropDirectory.Stop()
	return d.Close()
}

// syncDirectory makes the file's entry in its directory durable, once.
func (c *File) syncDirectory() error {
	if !c.entryUnsynced {
		return nil
	}
	sync, f := sys.SyncEntry, c.f
	if c.directory != nil {
		sync, f = sys.SyncFile, c.directory.File
	}
	if err := sync(f); err != nil {
		return err
	}
	c.entryUnsynced = false
	return c.closeDirectory()
}

// SyncEntry makes the file's entry in its directory durable. [File.Sync] does that too.
func (c *File) SyncEntry() error { return printing.Named(c.path, c.syncDirectory()) }
