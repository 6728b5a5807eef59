package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"
	"github.com/typedmem/typedmem/cmd/typedmem/internal/verify"
)

func checkCommand() *cobra.Command {
	quiet := false
	c := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check that files are what FORMAT.md says",
		Long: `Check that files are what FORMAT.md says: both copies of the header, lengths,
fields, the live record, the words of a slab, each blob. Each thing that is wrong
is a line. The exit status is 1 if something is wrong.

The files are only read, and may be in use. What elements hold is not checked,
since each value of a number is a right one. Elsewhere than on Linux the length
that a writer has not synced is not looked at.`,
		Example: `  typedmem check ticks.tm
  typedmem check -q *.tm && echo all right`,
		Args:              atLeastOne("FILE"),
		ValidArgsFunction: filesOnly,
	}
	c.Flags().BoolVarP(&quiet, "quiet", "q", false, "print only what is wrong")
	c.RunE = func(c *cobra.Command, files []string) error {
		var result error
		for _, file := range files {
			err := checkFile(c.OutOrStdout(), file, quiet)
			if err != nil && err != errWrong {
				return err
			}
			result = errors.Join(result, err)
		}
		if result != nil {
			return errWrong
		}
		return nil
	}
	return c
}

// checkFile prints what is wrong with a file, and then returns errWrong.
func checkFile(w io.Writer, file string, quiet bool) error {
	report, err := verify.File(file)
	if err != nil {
		if broken := (*fs.PathError)(nil); errors.As(err, &broken) {
			err = broken.Err
		}
		report.Wrong = append(report.Wrong, fmt.Sprintf("it cannot be checked: %v", err))
	}
	for _, wrong := range report.Wrong {
		if _, err := fmt.Fprintf(w, "%s: %s\n", file, wrong); err != nil {
			return err
		}
	}
	if report.More > 0 {
		if _, err := fmt.Fprintf(w, "%s: and %d more\n", file, report.More); err != nil {
			return err
		}
	}
	if len(report.Wrong) > 0 {
		return errWrong
	}
	if quiet {
		return nil
	}
	_, err = fmt.Fprintf(w, "%s: %s, all right\n", file, summary(report))
	return err
}

// summary says what is in a file in which nothing is wrong.
func summary(r verify.Report) string {
	bytes := size(uint64(r.Bytes))
	switch r.Kind {
	case "slab":
		return fmt.Sprintf("slab of %s in %s, %s", count(r.Objects, "object"), count(r.Len, "slot"), bytes)
	case "blob":
		return fmt.Sprintf("%s, %s", count(r.Len, "blob"), bytes)
	}
	return fmt.Sprintf("region of %s, %s", count(r.Len, "element"), bytes)
}

// count returns "1 slot" or "3 slots".
func count(n uint64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
