package region

import (
	"errors"
	"fmt"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
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
	left := false
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		f, err := container.OpenShared(path, s)
		if errors.Is(err, container.ErrLeftOpen) {
			left = true
			err = repair(path, l)
			if err == nil {
				continue
			}
		}
		if err == nil || !left || !errors.Is(err, typedmem.ErrBusy) || time.Since(start) > patience {
			return f, err
		}
	}
}

// repair opens a file as its only writer and closes it.
func repair(path string, l *layout.Layout) error {
	c, err := open(path, l, FileOptions{Write: true})
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
