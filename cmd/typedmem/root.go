package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// rootCommand makes the whole command. began is set once a command line was found to be right.
func rootCommand(began *bool) *cobra.Command {
	root := &cobra.Command{
		Use:   "typedmem",
		Short: "Look into typedmem files, and at what a process has mapped",
		Long: `Look into region, slab and blob files without the program that made them, move
their data in and out, and see what a running process has mapped.`,
		Args:          noSuchCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			*began = true
		},
	}
	root.AddCommand(infoCommand(), checkCommand(), catCommand(), exportCommand(), importCommand(), snapshotCommand(), recoverCommand(), areasCommand(), topCommand())
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Args = func(_ *cobra.Command, args []string) error {
			if found, _, err := root.Find(args); err != nil || found == root {
				return noSuchCommand(root, args)
			}
			return nil
		}
	}
	return root
}

// noSuchCommand refuses the arguments of the root command, which are commands that there are not.
func noSuchCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("there is no command %q", args[0])
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf("; did you mean %q?", near[0])
	}
	return fmt.Errorf("%s\nRun 'typedmem -h' for the commands", text)
}

// exactly returns a check for as many arguments as the names of what has to be given.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return fmt.Errorf("%s: no %s is given\nRun '%s -h' for help", c.Name(), names[len(args)], c.CommandPath())
		case len(args) > len(names):
			return fmt.Errorf("%s: %q is too much: it takes %d argument%s\nRun '%s -h' for help",
				c.Name(), args[len(names)], len(names), plural(len(names)), c.CommandPath())
		}
		return nil
	}
}

// atLeastOne returns a check for one argument or more.
func atLeastOne(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return nil
		}
		return exactly(name)(c, args)
	}
}

// filesOnly lets the shell complete arguments by the names of files.
func filesOnly(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}
