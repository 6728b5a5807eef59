package container

import (
	"io/fs"

	"github.com/typedmem/typedmem/internal/sys"
)

// CreatePlain is Create for a file of another format, which has no header block: the caller writes
// all of it, and calls [File.LinkPlain] or [File.Discard].
func CreatePlain(path string, perm fs.FileMode) (*File, error) {
	c := &File{path: path, name: new(Name), perm: perm, writer: true, durableCopy: -1}
	if err := c.makeFile(); err != nil {
		return nil, err
	}
	return c, nil
}

// SetAside takes space on the disk for the bytes [off, off+n) of a file that Create made.
func (c *File) SetAside(off, n int64) error {
	err := sys.Allocate(c.f, off, n)
	if sys.Refused(err) {
		err = sys.Extend(c.f, off, n)
	}
	return sys.SpaceError(c.path, err)
}

// LinkPlain gives a file that CreatePlain made its name, after what was written is on the device.
// [File.SyncEntry] makes the name durable, [File.Abandon] unlocks and closes the file.
func (c *File) LinkPlain() error {
	if err := sys.SyncFile(c.f); err != nil {
		return sys.SpaceError(c.path, err)
	}
	c.openDirectory()
	return c.giveName()
}
