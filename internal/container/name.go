package container

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
)

// Name is the path under which a file was created or opened, and which file that is. It does not
// change and may be used by several goroutines, after Close too.
type Name struct {
	path string      // as the caller gave it
	full string      // the same, whatever the working directory is later; "" where that is not known
	file os.FileInfo // nil until a new file has its name
}

// Name returns the name of the file. For a file that Create made it says nothing until Link.
func (c *File) Name() *Name { return c.name }

// set records that the path names the file f.
func (n *Name) set(path string, f os.FileInfo) {
	n.path, n.file = path, f
	if full, err := sys.FullPath(path); err == nil {
		n.full = full
	}
}

// Check returns ErrReplaced if the path names another file, or none. If it cannot be looked up, as
// in a directory that may not be searched any more, nothing says that it was replaced, and Check
// returns nil. It makes one system call. A nil Name is that of memory without a path.
func (n *Name) Check() error {
	if n == nil || n.file == nil || n.full == "" {
		return nil
	}
	now, err := sys.StatFile(n.full)
	switch {
	case sys.Gone(err):
		return fmt.Errorf("%s names no file any more: what is open was removed or renamed, and stays as it is until it is closed; close it, and open the path again once there is a file: %w: %w",
			n.path, typedmem.ErrReplaced, fs.ErrNotExist)
	case err == nil && !os.SameFile(n.file, now):
		return fmt.Errorf("%s names another file now: what is open stays as it is; close it and open the path again to use the new file: %w", n.path, typedmem.ErrReplaced)
	}
	return nil
}
