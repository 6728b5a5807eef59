package slab

import (
	"errors"

	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// SnapshotFile is [Slab.Snapshot] of the slab file at path, whatever the type of its objects is,
// for programs that do not know it. The file may be in use. It returns the errors of [Open] and of
// [Slab.Snapshot].
func SnapshotFile(path, to string) error {
	return shell.Fail("snapshot", printing.Named(path, snapshotFile(path, to)))
}

func snapshotFile(path, to string) error {
	l, err := container.LayoutOf(path, container.KindSlab)
	if err != nil {
		return err
	}
	c, err := open(path, l, FileOptions{})
	if err != nil {
		return err
	}
	c.pool.Backing = c.kind // as newSlab does
	return errors.Join(printing.Named(to, c.snapshot(to)), c.close())
}
