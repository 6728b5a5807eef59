package region

import (
	"errors"

	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
)

// Salvage saves what is left of a region file that another program has cut off, which [Open]
// refuses with [typedmem.ErrTruncated]. It makes a new region file at path, as [Region.Snapshot]
// does, of the elements that are whole, or of the whole rows if it has rows, and returns how many
// elements were saved and how many are lost. The damaged file is only read. A file that is not
// damaged is saved as a whole.
//
//   - [io/fs.ErrExist]: there is a file at path, which stays as it is.
//   - [typedmem.ErrTruncated]: the damaged file ends inside its header, so that nothing is left.
//   - [typedmem.ErrLayout], [typedmem.ErrCorrupt]: as from [Open].
func Salvage[T any](damaged, path string) (saved, lost int, err error) {
	saved, lost, err = salvage(damaged, path, shell.LayoutOf[T]())
	return saved, lost, shell.Fail("salvage", printing.Named(damaged, err))
}

func salvage(damaged, path string, l *layout.Layout) (saved, lost int, err error) {
	if err := checkFileType(l); err != nil {
		return 0, 0, err
	}
	f, err := container.Open(damaged, spec(l, 0), false)
	if err != nil {
		return 0, 0, err
	}
	info, err := f.Handle().Stat()
	if err == nil {
		n := f.Length()
		saved = int(min(int64(n), (info.Size()-container.DataOffset)/int64(l.Size)))
		saved -= saved % max(f.Width(), 1)
		lost = n - saved
		err = printing.Named(path, save(path, l, saved, f, func(to *container.File, bytes int) error {
			none := func(int64, int64) error { return nil }
			return to.CopyFrom(f.Handle(), container.DataOffset, container.DataOffset+int64(bytes), none)
		}))
	}
	if err := errors.Join(err, f.Abandon()); err != nil {
		return 0, 0, err
	}
	return saved, lost, nil
}
