package main

import (
	"fmt"
	"iter"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/typedmem/typedmem"
)

func areasCommand() *cobra.Command {
	files := false
	c := &cobra.Command{
		Use:   "areas PID",
		Short: "List the memory areas of a process",
		Long: `List the memory areas of a process: stretches of addresses with one protection
and one backing. Another user's process may need privileges.`,
		Example: `  typedmem areas 4711
  typedmem areas --files 4711
  typedmem areas --format json 4711`,
		Args: exactly("PID"),
	}
	c.Flags().BoolVar(&files, "files", false, "only the areas that map a file")
	f := formatFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		pid, err := processID(args[0])
		if err != nil {
			return err
		}
		return listAreas(f.to(c.OutOrStdout(), areaColumns(*f)), *f, typedmem.Areas(pid), files)
	}
	return c
}

// processID reads the argument PID.
func processID(arg string) (int, error) {
	pid, err := strconv.Atoi(arg)
	if err != nil || pid <= 0 {
		return 0, wrongUse("%q is no process ID: give a number, such as 4711", arg)
	}
	return pid, nil
}

func areaColumns(f format) []string {
	if f == "table" {
		return []string{"START", "END", "SIZE", "PROTECTION", "SHARE", "OFFSET", "WHAT"}
	}
	return []string{"start", "end", "bytes", "protection", "share", "offset", "path", "label", "removed"}
}

// listAreas writes a row for each area. A table is written only when all of them were found.
func listAreas(to rows, f format, areas iter.Seq2[typedmem.Area, error], files bool) error {
	for a, err := range areas {
		if err != nil {
			return err
		}
		if files && a.Path == "" {
			continue
		}
		if err := to.row(areaRow(f, a)); err != nil {
			return err
		}
	}
	return to.close()
}

func areaRow(f format, a typedmem.Area) []any {
	start, end := fmt.Sprintf("%#x", a.Start), fmt.Sprintf("%#x", a.End)
	if f != "table" {
		return []any{start, end, uint64(a.End - a.Start), a.Protection.String(), a.Share.String(), a.Offset, a.Path, a.Label, a.Deleted}
	}
	return []any{start, end, size(uint64(a.End - a.Start)), a.Protection.String(), a.Share.String(), fmt.Sprintf("%#x", a.Offset), what(a)}
}

// what says what an area holds.
func what(a typedmem.Area) string {
	name := a.Path
	if name == "" {
		name = a.Label
	}
	if a.Deleted {
		name += " (removed)"
	}
	return name
}
