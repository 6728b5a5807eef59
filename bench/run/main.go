// Command run measures rows and prints the table. A full run, of all rows at full size with the
// usual rounds, writes it into the folder results, as Markdown and as plots; any other run writes
// where -out says.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/bench/report"
	"github.com/typedmem/typedmem/bench/rows"
)

func main() {
	log.SetFlags(0)
	if was, err := harness.Child(rows.All()); was || err != nil {
		if err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	pattern := flag.String("rows", "", "measure only rows whose name matches this `regexp`")
	quick := flag.Bool("quick", false, "smaller sizes and fewer rounds: figures are rough")
	out := flag.String("out", "", "write the table and the plots into this `directory` (default results for a full run, nowhere for one with -rows, -quick or -rounds)")
	disk := flag.String("disk", os.TempDir(), "a `directory` on a disk, for the rows that are about files")
	rounds := flag.Int("rounds", 0, "measure each contender at least so many times, up to eleven times as often where that is quick (default 5, with -quick 3)")
	list := flag.Bool("list", false, "only list the rows")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("it takes no arguments, not %q", flag.Args())
	}
	if *rounds < 0 {
		return fmt.Errorf("-rounds %d: at least one is needed, 0 is the default", *rounds)
	}
	match, err := regexp.Compile(*pattern)
	if err != nil {
		return err
	}
	cfg := harness.Config{Quick: *quick, Rounds: 5, Length: 10 * time.Millisecond, Disk: *disk}
	if *quick {
		cfg.Rounds, cfg.Length = 3, 2*time.Millisecond
	}
	if *rounds > 0 {
		cfg.Rounds = *rounds
	}
	cfg.Share = time.Duration(harness.MostRounds*cfg.Rounds) * cfg.Length
	var chosen []harness.Row
	for _, r := range rows.All() {
		if match.MatchString(r.Name) {
			chosen = append(chosen, r)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no row matches -rows %s; -list names them all", *pattern)
	}
	if *list {
		for _, r := range chosen {
			fmt.Println(r.Name)
		}
		return nil
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	results, err := measure(ctx, chosen, cfg)
	return errors.Join(err, save(directory(*out, *pattern, *quick, *rounds, err), results))
}

// directory says where results go, "" for nowhere: what took an hour is replaced by its like
// only.
func directory(out, pattern string, quick bool, rounds int, failed error) string {
	if out == "" && pattern == "" && !quick && rounds == 0 && failed == nil {
		return "results"
	}
	return out
}

// measure measures the rows and prints each as it is done.
func measure(ctx context.Context, chosen []harness.Row, cfg harness.Config) ([]harness.Result, error) {
	bar := progressbar.DefaultSilent(int64(len(chosen)))
	if term.IsTerminal(int(os.Stderr.Fd())) {
		bar = progressbar.Default(int64(len(chosen)))
	}
	cfg.Step = func(row, doing string) { bar.Describe(row + ": " + doing) }
	var results []harness.Result
	for _, r := range chosen {
		res, err := harness.Measure(ctx, r, cfg)
		if err != nil {
			return results, fmt.Errorf("%s: %w", r.Name, err)
		}
		results = append(results, res)
		if err := errors.Join(bar.Clear(), report.Text(os.Stdout, res), bar.Add(1)); err != nil {
			return results, err
		}
	}
	return results, nil
}

// save prints the targets, and writes the table and the plots where there is a directory for them.
func save(dir string, results []harness.Result) error {
	verdicts := rows.Judge(results)
	if err := report.Targets(os.Stdout, verdicts, false); err != nil {
		return err
	}
	if dir == "" {
		_, err := fmt.Println("not written: only a full run replaces results; -out DIR writes elsewhere")
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "table.md"))
	if err != nil {
		return err
	}
	return errors.Join(report.Markdown(f, results, verdicts, report.ThisMachine()), f.Close(), report.Plots(dir, results))
}
