package region

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/mem"
)

// Why a region has a fixed length.
var (
	errShared = fmt.Errorf("several writers share the file, whose length is fixed; open it alone, without FileOptions.Shared: %w", typedmem.ErrOperation)
	errCopy   = fmt.Errorf("a private copy of a file has a fixed length; copy the elements to a new region: %w", typedmem.ErrOperation)
)

// fixedLength returns why the length of a region that o opens cannot change, nil if it can.
func (o FileOptions) fixedLength() error {
	switch {
	case o.Shared:
		return errShared
	case o.CopyOnWrite:
		return errCopy
	}
	return nil
}

// patience is how long an open waits for another process that repairs the file.
const patience = 10 * time.Second

// openContainer opens the file with the lock that o needs. Several writers need a file that its
// last single writer closed: if that one died, one of them opens and closes the file in its place,
// and the others wait.
func openContainer(path string, l *layout.Layout, o FileOptions) (*container.File, error) {
	s := spec(l, o.Width)
	s.Shared = o.Shared
	if !o.Shared {
		return container.Open(path, s, o.Write && !o.CopyOnWrite)
	}
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		f, err := container.OpenShared(path, s)
		if !errors.Is(err, container.ErrLeftOpen) {
			return f, err
		}
		failed := repair(path, l)
		if failed != nil && !errors.Is(failed, typedmem.ErrBusy) {
			return nil, failed
		}
		if time.Since(start) > patience {
			return nil, cmp.Or(failed, err)
		}
	}
}

// repair opens a file as its only writer and closes it. Until it is closed the live record is that
// of the dead writer, so that others that open the file wait for the repair.
func repair(path string, l *layout.Layout) error {
	s := spec(l, 0)
	s.Repair = true
	f, err := container.Open(path, s, true)
	if err != nil {
		return err
	}
	c, err := openAt(path, f, l, FileOptions{Write: true}, mem.Request{})
	if err != nil {
		return err
	}
	if err = c.close(); err != nil && c.file != nil {
		err = errors.Join(err, c.abandon())
	}
	return err
}

// abandon releases everything, and leaves the file as a killed writer would.
func (c *core) abandon() error {
	f := c.file
	c.file = nil
	err := c.unmap()
	if f != nil {
		err = errors.Join(err, f.Abandon())
	}
	return err
}
