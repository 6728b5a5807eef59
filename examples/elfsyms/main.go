// Command elfsyms prints the symbols of an ELF file, those of its own program if none is named. It
// maps the file and reads its records in place, of 32 and 64 bits and of either byte order.
//
//	go run ./examples/elfsyms -top 5 /bin/ls
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
)

func main() {
	top := flag.Int("top", 10, "how many symbols to print, the largest first; 0 is all")
	flag.Parse()
	if flag.NArg() > 1 || *top < 0 {
		fmt.Fprintf(os.Stderr, "elfsyms: it takes one file and -top of 0 or more, not -top %d %q\n", *top, flag.Args())
		os.Exit(2)
	}
	path := flag.Arg(0)
	if path == "" {
		var err error
		if path, err = os.Executable(); err != nil {
			fmt.Fprintln(os.Stderr, "elfsyms:", err)
			os.Exit(1)
		}
	}
	if err := list(os.Stdout, path, *top); err != nil {
		fmt.Fprintln(os.Stderr, "elfsyms:", err)
		os.Exit(1)
	}
}

// list writes a table of the top largest symbols.
func list(w io.Writer, path string, top int) error {
	all, err := symbols(path)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b Symbol) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Name, b.Name))
	})
	n := len(all)
	if top > 0 {
		n = min(n, top)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "VALUE\tSIZE\tNAME")
	for _, s := range all[:n] {
		fmt.Fprintf(t, "%#x\t%d\t%s\n", s.Value, s.Size, s.Name)
	}
	fmt.Fprintf(t, "%d of %d symbols\n", n, len(all))
	return t.Flush()
}
