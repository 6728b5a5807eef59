// Command areas prints the memory areas of a process as a table: its own, or with -pid those of
// another process, which may need privileges.
//
//	go run ./examples/areas -pid 1
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/typedmem/typedmem"
)

func main() {
	pid := flag.Int("pid", typedmem.Self, "the process; 0 is this one")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "areas: it takes no arguments, not %q\n", flag.Args())
		os.Exit(2)
	}
	if err := list(os.Stdout, *pid); err != nil {
		fmt.Fprintln(os.Stderr, "areas:", err)
		os.Exit(1)
	}
}

// list writes one line an area, or nothing when not all were found.
func list(w io.Writer, pid int) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "START\tEND\tKIB\tPROTECTION\tSHARE\tOFFSET\tWHAT")
	for a, err := range typedmem.Areas(pid) {
		if err != nil {
			return err
		}
		what := a.Path
		if what == "" {
			what = a.Label
		}
		if a.Deleted {
			what += " (removed)"
		}
		fmt.Fprintf(table, "%#x\t%#x\t%d\t%v\t%v\t%#x\t%s\n", a.Start, a.End, (a.End-a.Start)>>10, a.Protection, a.Share, a.Offset, what)
	}
	return table.Flush()
}
