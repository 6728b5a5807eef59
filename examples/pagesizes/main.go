// Command pagesizes shows the page sizes that this system can map, and tries each.
//
//	go run ./examples/pagesizes
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/typedmem/typedmem/options"
)

func main() {
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "pagesizes: it takes no arguments, not %q\n", flag.Args())
		os.Exit(2)
	}
	if err := show(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pagesizes:", err)
		os.Exit(1)
	}
}

func show(w io.Writer) error {
	page, granularity := options.PageSize()
	fmt.Fprintf(w, "page size %d bytes, addresses are handed out in units of %d bytes\n", page, granularity)
	sizes, err := options.PageSizes()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PAGE SIZE\tBYTES\tONE PAGE OF IT")
	for p := range sizes.All() {
		result := "mapped"
		if m, err := options.New(1).WithPageSize(p).MapMut(); err != nil {
			result = err.Error()
		} else if err := m.Close(); err != nil {
			return err
		}
		fmt.Fprintf(table, "%v\t%d\t%s\n", p, p.Bytes(), result)
	}
	return table.Flush()
}
