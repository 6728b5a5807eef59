package container

import (
	"errors"
	"fmt"
	"hash/crc64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
)

// Create makes a new file for spec in the directory of path, under a temporary name, so that path
// never names an incomplete file. The caller fills it and calls [File.Link] to name it, or
// [File.Discard] to remove it. If the file exists, Create and Link return an error that wraps
// fs.ErrExist. On error no file is left. The file has the permission bits of perm without those of
// the umask.
func Create(path string, spec Spec, perm fs.FileMode) (*File, error) {
	return create(path, spec, perm, false)
}

// CreateOver is Create for a file whose name may be that of another file, which Link replaces.
func CreateOver(path string, spec Spec, perm fs.FileMode) (*File, error) {
	return create(path, spec, perm, true)
}

func create(path string, spec Spec, perm fs.FileMode, replaces bool) (_ *File, err error) {
	if len(spec.Layout.Fields()) > maxFields {
		return nil, fmt.Errorf("the field list of %v takes %d bytes, a header holds %d: use arrays of structs: %w",
			spec.Layout.Type, len(spec.Layout.Fields()), maxFields, typedmem.ErrType)
	}
	c := &File{path: path, name: new(Name), spec: spec, perm: perm, header: spec.header(), writer: true, durableCopy: -1, replaces: replaces}
	if _, err := c.header.dataBytes(); err != nil { // no Open would accept it
		return nil, err
	}
	if err := c.makeFile(); err != nil {
		return nil, err
	}
	if err = c.SetAside(0, DataOffset); err == nil {
		err = c.mapBlock()
	}
	if err == nil {
		err = c.writing(func() error {
			if !spec.Shared {
				c.live.begin(0)
			}
			return nil
		})
	}
	if err != nil {
		return nil, errors.Join(err, c.Discard())
	}
	c.openDirectory()
	return c, nil
}

// Link gives the file that Create made its name, with n elements. It flushes all of the file first.
// Until the first Sync a system crash may remove the file, but leaves no part of it.
func (c *File) Link(n int) error {
	err := c.writing(func() error {
		for i := range 2 {
			c.writeCopy(i, uint64(n))
		}
		if err := c.Publish(n); err != nil {
			return err
		}
		if sys.FlushNeedsFile {
			return c.block.Flush(0, DataOffset) // and the file with it
		}
		return sys.SyncFile(c.f)
	})
	if err != nil {
		return err
	}
	if err := c.giveName(); err != nil {
		return err
	}
	c.durableCopy, c.synced, c.copiesFlushed = 1, uint64(n), true
	c.header.length = uint64(n)
	return nil
}

// giveName gives a complete file its permissions and its name.
func (c *File) giveName() error {
	if err := c.setMode(); err != nil {
		return err
	}
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	name := sys.NameFile
	if c.replaces {
		name = sys.ReplaceFile
		if c.old != nil && !sys.ReplacesOpenFiles {
			if err := c.old.Abandon(); err != nil {
				return err
			}
		}
	}
	if err := name(c.f, c.temporary, c.path); err != nil {
		return exists(err)
	}
	c.name.set(c.path, info)
	c.temporary = ""
	return nil
}

// ownerMode are the permissions that the file has under its temporary name in any case: without
// them the next Create could not open and remove what a killed one left.
const ownerMode = 0o600

// setMode takes away what perm lacks of ownerMode.
func (c *File) setMode() error {
	more := ownerMode &^ c.perm
	if more == 0 {
		return nil
	}
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	return c.f.Chmod(info.Mode() &^ more)
}

// Discard closes and removes a file that Create made and Link has not named. It removes the file
// before it unlocks it: after that the name may be another process's file.
func (c *File) Discard() error {
	return errors.Join(c.closeBlock(), os.Remove(c.temporary), c.release())
}

// exists adds to an error that says that the file exists what to do about it.
func exists(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w; open it, or remove it first", err)
	}
	return err
}

// temporaries is how many processes can create files of one name at once; others wait.
const temporaries = 8

// temporaryName returns the i-th name under which a file for path is made. There are few of them,
// so that the next Create finds what a killed one left without listing the directory.
func temporaryName(path string, i int) string {
	dir, name := filepath.Split(path)
	const long = 200 // of the 255 bytes that file systems allow
	if len(name) > long {
		sum := crc64.Checksum([]byte(name), crc64.MakeTable(crc64.ECMA))
		name = fmt.Sprintf("%s~%016x", strings.ToValidUTF8(name[:long], ""), sum)
	}
	return fmt.Sprintf("%s.%s.typedmem-%d", dir, name, i)
}

// patience is how long Create waits for others that are creating files of the same name.
const patience = 10 * time.Second

// makeFile makes the file under a temporary name and locks it. It removes files that killed Creates
// left under these names.
func (c *File) makeFile() error {
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		removeLeftovers(c.path)
		if _, err := os.Lstat(c.path); err == nil && !c.replaces {
			return exists(&fs.PathError{Op: "create", Path: c.path, Err: fs.ErrExist})
		}
		for i := range temporaries {
			if made, err := c.makeTemporary(temporaryName(c.path, i)); made || err != nil {
				return err
			}
		}
		if time.Since(start) > patience {
			return fmt.Errorf("%s: %d others have been creating it for %v, as the files %s say: %w",
				c.path, temporaries, patience, temporaryName(c.path, 0), typedmem.ErrBusy)
		}
	}
}

// makeTemporary makes the file under that name; made is false if another process has the name.
func (c *File) makeTemporary(name string) (made bool, err error) {
	f, err := sys.CreateFile(name, c.path, c.perm|ownerMode)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, sys.SpaceError(c.path, err)
	}
	c.f, c.users, c.temporary = f, &users{f: f}, name
	err = sys.LockFile(f)
	if errors.Is(err, sys.ErrLocked) || err == nil && !isNamed(f, name) { // another process took it for a leftover
		c.temporary = ""
		return false, f.Close()
	}
	if err != nil {
		return false, errors.Join(err, c.Discard())
	}
	c.locked = true
	return true, nil
}

// removeLeftovers removes what killed Creates of path left.
func removeLeftovers(path string) {
	for i := range temporaries {
		removeLeftover(temporaryName(path, i))
	}
}

// removeLeftover removes a file that a killed Create left, which nobody has locked.
func removeLeftover(name string) {
	if info, err := os.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return
	}
	f, err := sys.OpenFile(name, true)
	if errors.Is(err, fs.ErrPermission) { // it was killed after setMode
		f, err = sys.OpenFile(name, false)
	}
	if err != nil {
		return
	}
	defer f.Close()
	if !isNamed(f, name) { // it has its own name now, and must not be locked for a moment
		return
	}
	if sys.LockFile(f) != nil {
		return
	}
	if isNamed(f, name) { // no other process removes or renames it while it is locked
		_ = os.Remove(name)
	}
	_ = sys.UnlockFile(f)
}

// isNamed reports whether name is still a name of the open file.
func isNamed(f *os.File, name string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(name)
	return err == nil && os.SameFile(mine, now)
}
