package slab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/internal/slots"
	"github.com/typedmem/typedmem/internal/sys"
)

// Salvage saves what is left of a slab file that another program has cut off, which [Open] refuses
// with [typedmem.ErrTruncated]. It makes a new slab file at path, as [Slab.Snapshot] does, of the
// objects that are whole, and returns how many were saved and how many are lost. The handles of
// those that were saved are valid in the new file, and those of the others are stale: an object
// that refers to a lost one gets [ErrStale], never another object. The damaged file is only read,
// and nobody may write to it meanwhile. A file that is not damaged is saved as a whole.
//
//   - [io/fs.ErrExist]: there is a file at path, which stays as it is.
//   - [typedmem.ErrTruncated]: the damaged file ends before its first slot: nothing is left.
//   - [typedmem.ErrLayout], [typedmem.ErrCorrupt]: as from [Open].
//   - An error that wraps the system's: the disk is full, say.
//
// On error no new file is left.
func Salvage[T any](damaged, path string) (saved, lost int, err error) {
	saved, lost, err = salvage(damaged, path, shell.LayoutOf[T]())
	return saved, lost, shell.Fail("salvage", printing.Named(damaged, err))
}

// SalvageFile is [Salvage] of a slab file, whatever the type of its objects is, for programs that
// do not know it.
func SalvageFile(damaged, path string) (saved, lost int, err error) {
	l, err := container.LayoutOf(damaged, container.KindSlab)
	if err == nil {
		saved, lost, err = salvage(damaged, path, l)
	}
	return saved, lost, shell.Fail("salvage", printing.Named(damaged, err))
}

func salvage(damaged, path string, l *layout.Layout) (saved, lost int, err error) {
	if err := shell.CheckType(l, layout.SharedFile); err != nil {
		return 0, 0, err
	}
	from, err := container.Open(damaged, spec(l, 0, 0), false)
	if err != nil {
		return 0, 0, err
	}
	saved, lost, err = salvageTo(path, from, l)
	if err := errors.Join(err, from.Abandon()); err != nil {
		return 0, 0, err
	}
	return saved, lost, nil
}

func salvageTo(path string, from *container.File, l *layout.Layout) (saved, lost int, err error) {
	there, size, err := from.Slots()
	start := container.WordsEnd(from.Capacity())
	switch {
	case err != nil && !errors.Is(err, typedmem.ErrTruncated):
		return 0, 0, err
	case size < start:
		return 0, 0, fmt.Errorf("%d bytes, its slots begin at byte %d, so nothing is left: %w", size, start, typedmem.ErrTruncated)
	}
	info, err := from.Handle().Stat()
	if err != nil {
		return 0, 0, err
	}
	to, err := container.Create(path, spec(l, int(from.Capacity()), rand.Uint64()), info.Mode().Perm()&shell.NewFile)
	if err != nil {
		return 0, 0, printing.Named(path, err)
	}
	if err = to.Handle().Truncate(start); err == nil {
		saved, lost, err = salvageWords(to, from, there)
	}
	if err == nil {
		none := func(int64, int64) error { return nil }
		err = to.CopyFrom(from.Handle(), start, start+int64(there)*int64(l.Size), none)
	}
	if err == nil && there < from.Length() { // the others have been used, and may be again
		page, end := int64(sys.PageSize()), start+int64(from.Length())*int64(l.Size)
		err = to.Handle().Truncate((end + page - 1) / page * page)
	}
	if err != nil {
		return 0, 0, errors.Join(err, to.Discard())
	}
	return saved, lost, to.Finish(from.Length())
}

// salvageWords makes the words of a new file from those of a damaged one, which has the first slots
// up to there. It counts the objects in these, and in the others.
func salvageWords(to, from *container.File, there int) (saved, lost int, err error) {
	const step = 1 << 16
	b := make([]byte, step*8)
	for lo := 0; lo < from.Length(); lo += step {
		b := b[:min(from.Length()-lo, step)*8]
		at := container.DataOffset + int64(lo)*8
		if err := from.ReadInto(b, at); err != nil {
			return 0, 0, err
		}
		for k := range len(b) / 8 {
			i, word := lo+k, binary.NativeEndian.Uint64(b[k*8:])
			if _, ok := slots.CheckFileWord(from.Salt(), uint32(i), word); !ok {
				return 0, 0, fmt.Errorf("the word of slot %d is %016x: %w", i, word, typedmem.ErrCorrupt)
			}
			switch {
			case !slots.IsLive(word):
			case i < there:
				saved++
			default:
				lost++
				word += slots.OneGeneration // as if it had been freed
			}
			binary.NativeEndian.PutUint64(b[k*8:], wordIn(to.Salt(), i, word))
		}
		if err := to.Write(b, at); err != nil {
			return 0, 0, err
		}
	}
	return saved, lost, nil
}
