// Lineindex indexes text. For every line of every file given it appends one record (file number,
// byte offset, length) to a self-describing region file; then it closes the index, opens it again
// for reading and prints the counts and the times.
//
//	lineindex                          index the Go source tree, every .go file of it
//	lineindex -o INDEX FILE|FOLDER...  index these; of folders every text file, or -match
//	lineindex -open INDEX              describe an existing index
//	lineindex -open INDEX -line N      print the N-th line (from 1), read through the index
//	lineindex -open INDEX -longest K   print where the K longest lines are
//
// An index is a folder of two region files, lines and files, and a blob file of the files' paths. A
// build that fails or is interrupted removes its files. A killed one leaves an index of the first
// lines, which is marked as unfinished.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(2)
		}
		fmt.Fprintln(os.Stderr, "lineindex:", oneLine(err))
		os.Exit(1)
	}
}

// oneLine folds the lines of an error into one.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\t' }), "; ")
}

func run(args []string, out io.Writer) error {
	set := flag.NewFlagSet("lineindex", flag.ContinueOnError)
	open := set.String("open", "", "answer from this `index` instead of making one")
	output := set.String("o", "", "make the `index` here; without it, in the folder for temporary files, in place of the last one there")
	match := set.String("match", "", "index only files whose name matches this `pattern`, as in *.go")
	line := set.Int64("line", 0, "print the `N`-th line, counted from 1")
	longest := set.Int("longest", 0, "print where the `K` longest lines are")
	if err := set.Parse(args); err != nil {
		return flag.ErrHelp
	}
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	switch {
	case given["open"] && *open == "", given["o"] && *output == "":
		return errors.New("-open and -o take the name of an index, not an empty one")
	case *open != "" && (set.NArg() > 0 || *output != "" || *match != ""):
		return errors.New("-open reads an index that exists; it takes no files, -o or -match")
	case *line < 0 || *longest < 0:
		return errors.New("-line and -longest take positive numbers")
	}
	if *open == "" {
		path, err := makeIndex(*output, *match, set.Args(), out)
		if err != nil {
			return err
		}
		*open = path
	}
	return answer(*open, *line, *longest, out)
}

// makeIndex builds the index and returns where it is.
func makeIndex(output, match string, inputs []string, out io.Writer) (string, error) {
	if len(inputs) == 0 {
		root, err := goSource()
		if err != nil {
			return "", err
		}
		inputs = []string{root}
		if match == "" {
			match = "*.go"
		}
	}
	files, err := collect(inputs, match)
	if err != nil {
		return "", err
	}
	if output == "" {
		output = filepath.Join(os.TempDir(), "typedmem-lineindex")
		if err := removeIndex(output); err != nil {
			return "", err
		}
	}
	start := time.Now()
	if err := build(output, files); err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(out, "built %s in %v\n", output, time.Since(start).Round(time.Millisecond))
	return output, err
}

// goSource returns the source tree of the Go installation.
func goSource() (string, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("asking the go command for GOROOT: %w; name files to index instead", err)
	}
	return filepath.Join(strings.TrimSpace(string(root)), "src"), nil
}

// answer opens the index and prints what was asked.
func answer(path string, line int64, longest int, out io.Writer) (err error) {
	start := time.Now()
	x, err := openIndex(path)
	if err != nil {
		return err
	}
	took := time.Since(start)
	defer func() { err = errors.Join(err, x.Close()) }()
	size, err := x.size()
	if err != nil {
		return err
	}
	files, finished := x.fileCount()
	remark := ""
	if !finished {
		remark = "; NOT FINISHED: the process that built it was killed or is still at it, and lines may be missing"
	}
	if _, err := fmt.Fprintf(out, "%d files, %d lines, %d bytes indexed; the index takes %d bytes; opened in %v%s\n",
		files, x.lines.Len(), x.bytesIndexed(), size, took.Round(time.Microsecond), remark); err != nil {
		return err
	}
	if line > 0 {
		text, err := x.text(line)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s\n", text); err != nil {
			return err
		}
	}
	if longest > 0 {
		return x.printLongest(longest, out)
	}
	return nil
}
