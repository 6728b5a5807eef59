//go:build linux

// Command cold measures what reading and writing data that is not in memory costs, and what it does
// to the rest of the process: how late a timer fires meanwhile and how long runtime.GC takes.
//
//	cd bench && go run ./cold [-quick] [-rounds N] [-dir DIR] [ROW ...]
//
// -list names the rows. Rows on a delayed device mount a FUSE file system, so they need root or
// fusermount3; the row limited needs root and a memory cgroup. What cannot run says why.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/bench/report"
	"github.com/typedmem/typedmem/bench/slowfs"
)

func main() {
	log.SetFlags(0)
	for _, child := range []func() (bool, error){slowfs.Child, contenderChild} {
		if was, err := child(); was {
			if err != nil {
				log.Fatal(err)
			}
			return
		}
	}
	m := measurement{out: os.Stdout}
	quick := flag.Bool("quick", false, "small sizes and 3 rounds")
	tiny := flag.Bool("tiny", false, "sizes that measure nothing, and one round: for tests")
	list := flag.Bool("list", false, "name the rows and end")
	flag.IntVar(&m.rounds, "rounds", 0, "how often each contender runs, in turn; 0 is 10, with -quick 3")
	flag.StringVar(&m.dir, "dir", os.TempDir(), "a directory on the disk to measure")
	flag.Parse()
	if *list {
		for _, r := range allRows() {
			fmt.Printf("%-15s %s\n", r.name, r.what)
		}
		return
	}
	m.size, m.rounds = sizeOf(*quick, *tiny, m.rounds)
	chosen, err := choose(flag.Args())
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := m.run(ctx, chosen); err != nil {
		log.Fatal(err) // everything is removed by now
	}
}

func sizeOf(quick, tiny bool, rounds int) (size, int) {
	s, n := full, 10
	switch {
	case tiny:
		s, n = small, 1
	case quick:
		s, n = middle, 3
	}
	if rounds > 0 {
		n = rounds
	}
	return s, n
}

// choose returns the rows with the names, or all.
func choose(names []string) ([]row, error) {
	all := allRows()
	if len(names) == 0 {
		return all, nil
	}
	var chosen []row
	for _, name := range names {
		i := slices.IndexFunc(all, func(r row) bool { return r.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no row %q; -list names them all", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// measurement is what to measure.
type measurement struct {
	out    io.Writer
	size   size
	rounds int
	dir    string
}

func (m measurement) run(ctx context.Context, rows []row) error {
	fmt.Fprintf(m.out, "%s; %d processors for each contender; %s\n", report.ThisMachine(), procs, load())
	for _, r := range rows {
		fmt.Fprintf(m.out, "\n## %s\n\n%s\n\n", r.name, r.what)
		if why := r.missing(); why != "" {
			fmt.Fprintf(m.out, "Left out: %s.\n", why)
			continue
		}
		res, err := m.row(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		if err := printRow(m.out, r, res); err != nil {
			return err
		}
	}
	return nil
}

// row measures the contenders of a row in turn, each time in a new process.
func (m measurement) row(ctx context.Context, r row) (res harness.Result, err error) {
	p, err := newPlace(m.dir, m.size, r.slow)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	if r.prepare != nil {
		if err := r.prepare(ctx, p); err != nil {
			return res, err
		}
	}
	for _, c := range r.contenders {
		res.Cases = append(res.Cases, harness.CaseResult{Case: harness.Case{Name: c.name, Lib: c.lib}})
	}
	for round := range m.rounds {
		sums := map[uint64][]string{}
		for i, c := range r.contenders {
			if res.Cases[i].Err != "" || c.most > 0 && round >= c.most {
				continue
			}
			got, err := p.measure(ctx, r, c, round)
			if ctx.Err() != nil {
				return res, ctx.Err()
			}
			if err != nil {
				res.Cases[i].Err = err.Error()
				continue
			}
			res.Cases[i].Samples = append(res.Cases[i].Samples, got.Sample)
			if !c.other {
				sums[got.Sum] = append(sums[got.Sum], c.name)
			}
		}
		if len(sums) > 1 {
			return res, fmt.Errorf("the contenders disagree about the sum: %v", sums)
		}
	}
	return res, nil
}

// load says how busy the machine is besides.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "load unknown"
	}
	return "load " + strings.Join(strings.Fields(string(b))[:1], "")
}
