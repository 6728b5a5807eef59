package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/spf13/cobra"
	"github.com/typedmem/typedmem/region"
)

// imports has the formats of import.
var imports = []string{"csv", "npy", "arrow", "parquet"}

func importCommand() *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use:   "import FILE NEW",
		Short: "Make a region file of a file of another program",
		Long: `Make a region file of a CSV file, NumPy's .npy file, an Arrow IPC file, or a Parquet
file. The end of the file's name says which one it is, or --as. A file that is there is
not replaced, and on an error no new file is left.

The first line of a CSV file has the names of the fields. "Bid.Price" and "Bid.Qty"
are fields of a struct Bid; "value" alone is the element. Without --types the whole
file is read to find them: int64, uint64, float64, bool, or an array of one of
these, "[1 2 3]". Text cannot be in a region: leave such columns out by --fields.

The dtype of a .npy file says the fields, and its shape the rows. Numbers of the
other byte order are turned round.

The schema of an Arrow or Parquet file says the fields. "value" alone is the element,
and where it has lists each of them is a row. Structs are structs. Lists are arrays,
and have to be of one length. Times are the integers that the file has for them. Text,
nulls and dictionaries cannot be in a region. The Parquet decoder may panic on a damaged
file, so import Parquet from sources that you trust.`,
		Example: `  typedmem import prices.csv prices.tm
  typedmem import --fields id,price --types 'id uint32, price float32' prices.csv prices.tm
  typedmem import vectors.npy vectors.tm
  typedmem import --fields time,price trades.parquet trades.tm`,
		Args:              exactly("FILE", "NEW file"),
		ValidArgsFunction: filesOnly,
	}
	c.Flags().StringVar(&o.as, "as", "", "the `FORMAT` of the file: "+strings.Join(imports, ", "))
	c.Flags().StringVar(&o.fields, "fields", "", "which columns, with commas between `NAMES`; all if not given; not of .npy")
	c.Flags().StringVar(&o.types, "types", "", "`KINDS` of columns of a CSV file: 'id uint32, price float32'")
	_ = c.RegisterFlagCompletionFunc("as", cobra.FixedCompletions(imports, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		if o.as, err = formatOf(args[0], o.as, imports); err != nil {
			return err
		}
		switch {
		case o.as == "npy" && (o.fields != "" || o.types != ""):
			return wrongUse("--fields and --types: a .npy file says what it holds")
		case o.as != "csv" && o.types != "":
			return wrongUse("--types: the schema of the file says the types")
		}
		info, err := os.Stat(args[0]) // before Open, which waits at a pipe
		switch {
		case err != nil: // Open says why
		case info.IsDir():
			return fmt.Errorf("%s: it is a directory", args[0])
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s: it is no regular file, which can be read twice; save it to one first", args[0])
		}
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		if info, err = f.Stat(); err != nil {
			return err
		}
		read := o.csv
		switch o.as {
		case "npy":
			read = o.npy
		case "arrow", "parquet":
			read = o.arrow
		}
		p := newProgress(c.ErrOrStderr(), "importing", info.Size(), true)
		defer p.end()
		in, err := read(f, p)
		if err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		t := in.typ
		if t == nil {
			if t, err = elementOf(in.fields); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
		}
		from := &elements{ctx: c.Context(), in: in, element: make([]byte, t.Size())}
		n, err := region.WriteFile(args[1], t, in.width, from)
		if from.failed != nil {
			return fmt.Errorf("%s: %w", args[0], from.failed)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s of %s\n", args[1], count(uint64(n), "element"), describe(in.fields))
		return err
	}
	return c
}

type importOptions struct{ as, fields, types string }

// input is a file that is imported.
type input struct {
	fields []field
	typ    reflect.Type // of the elements; where it is nil, that of the fields
	width  int

	// next sets the fields of an element. At the end it returns io.EOF.
	next func(element []byte) error

	// block, where it is not nil and returns true, has elements that lie as those of the new file,
	// size bytes each, so that many are copied at once.
	block func(b []byte, size int) (n int, ok bool, err error)
}

// elements reads an input as the bytes of the elements of the new file.
type elements struct {
	ctx     context.Context
	in      *input
	element []byte // bytes that are no field stay zero
	left    []byte // of the element
	failed  error  // what is wrong with the input
}

func (s *elements) Read(b []byte) (n int, err error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if s.in.block != nil {
		if n, ok, err := s.in.block(b, len(s.element)); ok {
			return n, s.fail(err)
		}
	}
	for n < len(b) {
		if len(s.left) == 0 {
			if err := s.in.next(s.element); err != nil {
				return n, s.fail(err)
			}
			s.left = s.element
		}
		k := copy(b[n:], s.left)
		s.left = s.left[k:]
		n += k
	}
	return n, nil
}

func (s *elements) fail(err error) error {
	if err != io.EOF {
		s.failed = err
	}
	return err
}

// describe lists fields for people.
func describe(fields []field) string {
	var all []string
	for _, f := range fields {
		if len(all) == 8 {
			all = append(all, fmt.Sprintf("and %d more", len(fields)-len(all)))
			break
		}
		all = append(all, f.path+" "+f.kind)
	}
	return strings.Join(all, ", ")
}
