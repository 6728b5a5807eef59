package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"
	"github.com/typedmem/typedmem/inspect"
)

func catCommand() *cobra.Command {
	var o catOptions
	c := &cobra.Command{
		Use:   "cat FILE",
		Short: "Print the elements of a file",
		Long: `Print the elements of a region, the objects of a slab, or the blobs of a blob
file, as a table, as CSV, or as a JSON array with an object a line. A file of any
size is printed while it is read.

Fields are named as info lists them, or with indexes as Go has them: of
"Levels[8:24].Qty", "Levels[3].Qty" is one number. The name of a struct stands for
all its fields. "@index" is the number of an element, "@handle" the handle of an
object or the Ref of a blob. Blank fields are not shown unless they are named.

In JSON a number that JSON does not have is a string ("NaN"), a complex one is two
numbers, and bytes of a blob that are no UTF-8 are replaced.`,
		Example: `  typedmem cat --head 5 ticks.tm
  typedmem cat --from 1000 --to 2000 --format csv ticks.tm
  typedmem cat --tail 3 --fields '@index,Bid,Levels[0].Qty' ticks.tm
  typedmem cat --format json orders.tm | jq '.[].Price'`,
		Args:              exactly("FILE"),
		ValidArgsFunction: filesOnly,
	}
	o.ranges.addTo(c)
	c.Flags().IntVar(&o.head, "head", -1, "print at most the first `N`")
	c.Flags().IntVar(&o.tail, "tail", -1, "print at most the last `N`")
	c.Flags().StringVar(&o.fields, "fields", "", "which `FIELDS`, with commas between them; all if not given")
	f := formatFlag(c)
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		for _, name := range []string{"head", "tail"} {
			if n, _ := c.Flags().GetInt(name); c.Flags().Changed(name) && n < 0 {
				return wrongUse("--%s %d: give how many, at least 0", name, n)
			}
		}
		if o.head >= 0 && o.tail >= 0 {
			return wrongUse("--head and --tail are both given; cut the range with --from and --to instead")
		}
		file, err := inspect.Open(args[0])
		if err != nil {
			return cutOff(err, args[0])
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		return o.print(c.Context(), c.OutOrStdout(), *f, file)
	}
	return c
}

// ranges is which elements are read: [from, to), where less than zero counts from the end.
type ranges struct {
	from, to int
	toGiven  func() bool
}

func (r *ranges) addTo(c *cobra.Command) {
	c.Flags().IntVar(&r.from, "from", 0, "begin with element `I`; -5 is the fifth before the end")
	c.Flags().IntVar(&r.to, "to", 0, "end before element `I`; the end if not given")
	r.toGiven = func() bool { return c.Flags().Changed("to") }
}

// of returns the range in a file of n elements.
func (r *ranges) of(n int) (lo, hi int, err error) {
	lo, hi = r.from, n
	if r.toGiven() {
		hi = r.to
	}
	if lo < 0 {
		lo += n
	}
	if hi < 0 {
		hi += n
	}
	if lo < 0 || hi > n || lo > hi {
		return 0, 0, wrongUse("--from %d --to %d: the file has %s, from 0 to %d", r.from, cmpTo(r, n), count(uint64(n), "element"), n)
	}
	return lo, hi, nil
}

func cmpTo(r *ranges, n int) int {
	if r.toGiven() {
		return r.to
	}
	return n
}

type catOptions struct {
	ranges
	head, tail int // less than 0: all
	fields     string
}

func (o *catOptions) print(ctx context.Context, w io.Writer, f format, file *inspect.File) error {
	columns, err := columnsOf(file, o.fields)
	if err != nil {
		return err
	}
	lo, hi, err := o.of(file.Len())
	if err != nil {
		return err
	}
	slab := file.Info().Kind == "slab" // some slots have no object
	if o.tail >= 0 && !slab {
		lo = max(lo, hi-o.tail)
	}
	if o.head >= 0 && !slab {
		hi = min(hi, lo+o.head)
	}
	to := f.to(w, names(columns))
	cells := make([]any, len(columns))
	show := func(e inspect.Element) error {
		for i, c := range columns {
			cells[i] = c.value(e)
		}
		return to.row(cells)
	}
	err = o.each(ctx, file, lo, hi, show)
	if err != nil && f == "json" { // what is not whole must not look whole
		return err
	}
	return errors.Join(err, to.close())
}

// each calls show for the first or the last elements of a range, or for all.
func (o *catOptions) each(ctx context.Context, file *inspect.File, lo, hi int, show func(inspect.Element) error) error {
	var last []inspect.Element // of a slab, where only the last ones are shown
	n := 0
	for e, err := range file.Elements(lo, hi) {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if n == o.head {
			break
		}
		if o.tail >= 0 {
			if o.tail > 0 {
				last = keep(last, o.tail, n, e)
			}
		} else if err := show(e); err != nil {
			return err
		}
		n++
	}
	for i := range last {
		if n > len(last) {
			i = (n + i) % len(last)
		}
		if err := show(last[i]); err != nil {
			return err
		}
	}
	return nil
}

// keep puts element n into a ring of the last most elements.
func keep(last []inspect.Element, most, n int, e inspect.Element) []inspect.Element {
	if len(last) < most {
		e.Bytes = append([]byte(nil), e.Bytes...)
		return append(last, e)
	}
	at := &last[n%most]
	e.Bytes = append(at.Bytes[:0], e.Bytes...)
	*at = e
	return last
}
