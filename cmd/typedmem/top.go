package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func topCommand() *cobra.Command {
	var o topOptions
	c := &cobra.Command{
		Use:   "top PID",
		Short: "Show what a process has mapped, and how much of it is in memory",
		Long: `Show what a process has mapped, the largest first, and which share of it is in
memory. On a terminal the list is drawn anew until the process ends or Ctrl-C;
elsewhere, and with --once, it is printed once. It needs Linux: other systems do
not tell which pages of another process are in memory.`,
		Example: `  typedmem top 4711
  typedmem top --once --files -n 5 4711
  typedmem top --format csv 4711`,
		Args: exactly("PID"),
	}
	c.Flags().BoolVar(&o.files, "files", false, "only files")
	c.Flags().BoolVar(&o.once, "once", false, "print once, on a terminal too")
	c.Flags().IntVarP(&o.most, "number", "n", 20, "print at most `N` lines, 0 for all")
	c.Flags().DurationVar(&o.every, "every", time.Second, "draw anew after this `TIME`")
	f := formatFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		pid, err := processID(args[0])
		if err != nil {
			return err
		}
		if o.every < 10*time.Millisecond {
			return wrongUse("--every %v is too short: give at least 10ms", o.every)
		}
		if o.most < 0 {
			return wrongUse("-n %d: give 0 for all lines, or how many", o.most)
		}
		if o.once || *f != "table" || !term.IsTerminal(int(os.Stdout.Fd())) {
			all, err := mappedBy(pid)
			if err != nil {
				return err
			}
			return o.print(c.OutOrStdout(), *f, all)
		}
		return o.watch(c.Context(), os.Stdout, pid)
	}
	return c
}

type topOptions struct {
	files, once bool
	most        int
	every       time.Duration
}

// watch draws the list on a terminal until the process or the context ends.
func (o topOptions) watch(ctx context.Context, screen io.Writer, pid int) error {
	for first := true; ; first = false {
		all, err := mappedBy(pid)
		if !first && errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(screen, "process %d has ended\n", pid)
			return nil
		}
		if err != nil {
			return err
		}
		var page strings.Builder
		page.WriteString("\x1b[H\x1b[2J") // to the top, and clear
		if err := o.print(&page, "table", all); err != nil {
			return err
		}
		if _, err := io.WriteString(screen, page.String()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(o.every):
		}
	}
}

// mappedBy asks the system what a process has mapped.
func mappedBy(pid int) ([]mapped, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	if errors.Is(err, fs.ErrNotExist) && runtime.GOOS == "linux" {
		return nil, fmt.Errorf("there is no process %d: %w", pid, fs.ErrNotExist)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s does not tell which pages of another process are in memory; 'typedmem areas %d' lists what it has mapped: %w",
			runtime.GOOS, pid, errors.ErrUnsupported)
	}
	if err != nil {
		return nil, fmt.Errorf("process %d: %w; its owner and root can see it", pid, err)
	}
	defer f.Close()
	all, err := readSmaps(f)
	if err != nil {
		return nil, fmt.Errorf("process %d: %w", pid, err)
	}
	return all, nil
}

// print writes the list, the largest first, and in a table a line with the sums of all.
func (o topOptions) print(w io.Writer, f format, all []mapped) error {
	if o.files {
		all = slices.DeleteFunc(slices.Clone(all), func(m mapped) bool { return !strings.HasPrefix(m.what, "/") })
	}
	slices.SortStableFunc(all, func(a, b mapped) int { return cmp.Compare(b.size, a.size) })
	shown := all
	if o.most > 0 && len(all) > o.most {
		shown = all[:o.most]
	}
	if f != "table" {
		to := f.to(w, []string{"what", "areas", "bytes", "resident", "dirty", "swapped"})
		for _, m := range shown {
			if err := to.row([]any{m.what, m.areas, m.size, m.resident, m.dirty, m.swapped}); err != nil {
				return err
			}
		}
		return to.close()
	}
	to := f.to(w, []string{"SIZE", "RESIDENT", "", "DIRTY", "AREAS", "WHAT"})
	sum := mapped{what: fmt.Sprintf("all %d", len(all))}
	for _, m := range all {
		sum.size, sum.resident, sum.dirty, sum.areas = sum.size+m.size, sum.resident+m.resident, sum.dirty+m.dirty, sum.areas+m.areas
	}
	if rest := len(all) - len(shown); rest > 0 {
		sum.what += fmt.Sprintf(", %d of them not shown", rest)
	}
	for _, m := range append(slices.Clone(shown), sum) {
		if err := to.row([]any{size(m.size), size(m.resident), bar(m.resident, m.size), size(m.dirty), m.areas, m.what}); err != nil {
			return err
		}
	}
	return to.close()
}

// bar draws a share of a whole as 20 cells, with the share in percent behind.
func bar(part, whole uint64) string {
	const cells = 20
	share := 0.0
	if whole > 0 {
		share = min(float64(part)/float64(whole), 1)
	}
	full := int(share*cells + 0.5)
	if full == 0 && part > 0 {
		full = 1 // something is not nothing
	}
	if full == cells && part < whole {
		full = cells - 1
	}
	return strings.Repeat("█", full) + strings.Repeat("░", cells-full) + fmt.Sprintf(" %3.0f %%", share*100)
}
