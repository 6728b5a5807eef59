package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/typedmem/typedmem/inspect"
	"github.com/typedmem/typedmem/npy"
)

// exports has the formats of export, which are the ends of file names too.
var exports = []string{"csv", "json", "npy", "arrow", "parquet"}

func exportCommand() *cobra.Command {
	var o exportOptions
	c := &cobra.Command{
		Use:   "export FILE NEW",
		Short: "Write the elements of a file in a format of other programs",
		Long: `Write the elements of a region, slab or blob file in a format of other programs:
CSV, JSON, NumPy's .npy, an Arrow IPC file, or Parquet. The end of the new file's
name says which one, or --as. A file that is there is not replaced. The new file
appears when it is complete: on an error there is none.

CSV and JSON are those of cat, and take the same fields and ranges. A .npy file has
whole elements, as a structured array where they are structs, with the rows of the
file; it can be mapped by NumPy and by package npy.

In Arrow and Parquet each field is a column, with structs in structs and arrays as
lists; of elements that are no structs it is the column "value", which has a list for
each row of a file with rows. --fields leaves out others. A blob file has the columns
Ref and Bytes. Parquet is compressed by Snappy, Arrow is not and can be mapped.`,
		Example: `  typedmem export ticks.tm ticks.npy
  typedmem export --fields ID,Bid.Price ticks.tm ticks.parquet
  typedmem export --from -1000 --fields ID,Bid.Price ticks.tm last.csv
  typedmem export --as json ticks.tm /dev/stdout`,
		Args:              exactly("FILE", "NEW file"),
		ValidArgsFunction: filesOnly,
	}
	o.ranges.addTo(c)
	c.Flags().StringVar(&o.as, "as", "", "the `FORMAT` of the new file: "+strings.Join(exports, ", "))
	c.Flags().StringVar(&o.fields, "fields", "", "which `FIELDS`, with commas between them; all if not given")
	_ = c.RegisterFlagCompletionFunc("as", cobra.FixedCompletions(exports, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		if o.as, err = formatOf(args[1], o.as, exports); err != nil {
			return err
		}
		o.head, o.tail = -1, -1
		file, err := inspect.Open(args[0])
		if err != nil {
			return cutOff(err, args[0])
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		return create(args[1], func(w io.Writer) error {
			p := newProgress(c.ErrOrStderr(), "exporting", int64(file.Len()), false)
			defer p.end()
			switch o.as {
			case "npy":
				return o.writeNPY(c.Context(), w, args[0], file, p)
			case "arrow", "parquet":
				return o.writeArrow(c.Context(), w, args[0], file, p)
			}
			return o.print(c.Context(), &showing{w, p}, format(o.as), file)
		})
	}
	return c
}

type exportOptions struct {
	catOptions
	as string
}

// showing counts lines for the progress.
type showing struct {
	w io.Writer
	p *progress
}

func (s *showing) Write(b []byte) (int, error) {
	if s.p.bar != nil {
		s.p.add(strings.Count(string(b), "\n"))
	}
	return s.w.Write(b)
}

// formatOf returns the format of a file by its name, or the one that was asked for.
func formatOf(file, asked string, known []string) (string, error) {
	name := asked
	if name == "" {
		name = strings.ToLower(strings.TrimPrefix(filepath.Ext(file), "."))
	}
	switch {
	case slices.Contains(known, name):
		return name, nil
	case asked != "":
		return "", wrongUse("--as %s: there is no such format; use one of %s", asked, strings.Join(known, ", "))
	}
	return "", wrongUse("%s: its name does not say the format; end it in .%s, or give --as", file, strings.Join(known, ", ."))
}

// rows returns the range of elements, which has to be one of whole rows.
func (o *exportOptions) rows(n, width int) (lo, hi int, err error) {
	if lo, hi, err = o.of(n); err != nil {
		return 0, 0, err
	}
	if width > 1 && (lo%width != 0 || hi%width != 0) {
		return 0, 0, wrongUse("elements %d to %d are no whole rows of %d; give multiples of %d as --from and --to", lo, hi, width, width)
	}
	return lo, hi, nil
}

// writeNPY writes whole elements as NumPy does.
func (o *exportOptions) writeNPY(ctx context.Context, w io.Writer, path string, file *inspect.File, p *progress) error {
	info := file.Info()
	if o.fields != "" {
		return wrongUse("--fields: a .npy file has whole elements; leave --fields out, or export csv")
	}
	lo, hi, err := o.rows(file.Len(), info.Width)
	if err != nil {
		return err
	}
	info.Len = hi - lo
	if info.Kind == "slab" { // NumPy has to know how many there are
		info.Len = 0
		for _, err := range file.Elements(lo, hi) {
			if err = errors.Join(err, ctx.Err()); err != nil {
				return err
			}
			info.Len++
		}
	}
	h, err := npy.HeaderOf(info)
	if err != nil {
		return err
	}
	head, err := npy.AppendHeader(nil, h)
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	if info.Kind == "region" {
		return copyElements(ctx, w, path, info, lo, hi, p)
	}
	n := 0
	for e, err := range file.Elements(lo, hi) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if _, err := w.Write(e.Bytes); err != nil {
			return err
		}
		n++
		p.add(1)
	}
	if n != info.Len {
		return fmt.Errorf("%s: its writer has made or freed objects meanwhile: take a snapshot, and export that", path)
	}
	return nil
}

// regionData is where the elements of a region file begin, by FORMAT.md.
const regionData = 65536

// copyElements copies the bytes of the elements of a region file, many at once.
func copyElements(ctx context.Context, w io.Writer, path string, info inspect.Info, lo, hi int, p *progress) error {
	buf := make([]byte, max(1<<20/info.ElementSize, 1)*info.ElementSize)
	return readElements(ctx, path, info, lo, hi, buf, func(b []byte) error {
		p.add(len(b) / info.ElementSize)
		_, err := w.Write(b)
		return err
	})
}

// readElements reads the elements of a region file, as many at once as buf has room for.
func readElements(ctx context.Context, path string, info inspect.Info, lo, hi int, buf []byte, use func(b []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	size := info.ElementSize
	step := len(buf) / size
	for ; lo < hi && ctx.Err() == nil; lo += step {
		n := min(step, hi-lo)
		if got, err := f.ReadAt(buf[:n*size], regionData+int64(lo)*int64(size)); got < n*size {
			return fmt.Errorf("%s was cut off while it was read: %w", path, err)
		}
		if err := use(buf[:n*size]); err != nil {
			return err
		}
	}
	return ctx.Err()
}
