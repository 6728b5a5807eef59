package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/inspect"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

func snapshotCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "snapshot FILE NEW",
		Short: "Save a file as it is now, also while it is in use",
		Long: `Save a region, slab or blob file as a file of its own, also while a program writes
to it. Handles of objects and Refs of blobs are valid in the new file. It appears
when it is complete and on the device. A file that is there is not replaced. Where
the file system can, both share their space on the disk.`,
		Example:           `  typedmem snapshot ticks.tm /backup/ticks-$(date +%F).tm`,
		Args:              exactly("FILE", "NEW file"),
		ValidArgsFunction: filesOnly,
		RunE: func(c *cobra.Command, args []string) error {
			info, err := inspect.Stat(args[0])
			if err != nil {
				return cutOff(err, args[0])
			}
			save := region.SnapshotFile
			if info.Kind == "slab" {
				save = slab.SnapshotFile
			}
			if err := save(args[0], args[1]); err != nil {
				return err
			}
			return sayKind(c.OutOrStdout(), args[1], "saved")
		},
	}
}

func recoverCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "recover FILE NEW",
		Short: "Save what is left of a file that was cut off",
		Long: `Save what is left of a file that another program has cut off: the elements, rows,
objects or blobs that are whole. The damaged file is only read. A file that is not
damaged is saved as a whole. The handles of the objects that are saved stay valid,
and those of the others are stale.`,
		Example:           `  typedmem recover broken.tm recovered.tm`,
		Args:              exactly("FILE", "NEW file"),
		ValidArgsFunction: filesOnly,
		RunE: func(c *cobra.Command, args []string) error {
			info, err := inspect.Stat(args[0])
			if err != nil && (info.Kind == "" || !errors.Is(err, typedmem.ErrTruncated)) {
				return err
			}
			salvage, unit := region.SalvageFile, "element"
			if info.Kind == "slab" {
				salvage, unit = slab.SalvageFile, "object"
			}
			saved, lost, err := salvage(args[0], args[1])
			if err != nil {
				return err
			}
			if again, _ := inspect.Stat(args[1]); again.Kind == "blob" { // the error is that it ends inside a blob
				if err := cutAfterLastBlob(args[1]); err != nil {
					return errors.Join(fmt.Errorf("%s: what is left of it is not whole: %w", args[0], err), os.Remove(args[1]))
				}
				return sayKind(c.OutOrStdout(), args[1], fmt.Sprintf("%s lost, saved", count(uint64(lost), "byte")))
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s saved, %d lost\n", args[1], count(uint64(saved), unit), lost)
			return err
		},
	}
}

// cutOff adds to the error for a file that was cut off what to do. Nothing is left to save where
// the header is cut too.
func cutOff(err error, file string) error {
	if info, _ := inspect.Stat(file); info.Kind != "" && errors.Is(err, typedmem.ErrTruncated) {
		return fmt.Errorf("%w; 'typedmem recover %s NEW' does it here", err, file)
	}
	return err
}

// cutAfterLastBlob makes a blob file that ends inside a blob end before it.
func cutAfterLastBlob(file string) error {
	if err := cutTo(file, func(n int) int { return n &^ 7 }); err != nil { // blobs begin at multiples of 8
		return err
	}
	f, err := inspect.Open(file)
	if err != nil {
		return err
	}
	end := 16 // of the magic number and the key
	if n := f.Len(); n > 0 {
		last, err := f.Element(n - 1)
		if err != nil {
			return errors.Join(err, f.Close())
		}
		// FORMAT.md: the lower bits of a Ref are the place of its word, and zeros follow the bytes.
		end = int(last.Handle&(1<<36-1))*8 + 8 + (len(last.Bytes)+7)/8*8
	}
	if err := f.Close(); err != nil {
		return err
	}
	return cutTo(file, func(n int) int { return min(n, end) })
}

// cutTo makes a region of bytes as short as the function says.
func cutTo(file string, short func(n int) int) error {
	r, err := region.OpenMut[byte](file)
	if err != nil {
		return err
	}
	if n := short(r.Len()); n < r.Len() {
		err = r.Resize(n)
	}
	return errors.Join(err, r.Close())
}

// sayKind prints what a new file holds.
func sayKind(w io.Writer, file, what string) error {
	f, err := inspect.Open(file)
	if err != nil {
		return err
	}
	n, info := uint64(f.Len()), f.Info()
	if err := f.Close(); err != nil {
		return err
	}
	holds := count(n, "element")
	switch info.Kind {
	case "slab":
		holds = "a slab of " + count(uint64(info.Capacity), "slot")
	case "blob":
		holds = count(n, "blob")
	}
	_, err = fmt.Fprintf(w, "%s: %s %s\n", file, what, holds)
	return err
}
