// Command snapshot measures Region.Snapshot beside a writer in the same process, and cp of the same
// file: how long each takes, and how long the writer's calls of Append take meanwhile.
//
//	cd bench && go run ./snapshot [-mib 4096] [DIR]
//
// Before each of them the file is synced, so are the other files of its file system, and then it is
// read, so that as much of it as fits is in the page cache. cp is followed by fsync(2), since a
// Snapshot is durable when it returns.
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
	"path/filepath"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/bench/report"
	"github.com/typedmem/typedmem/region"
)

func main() {
	log.SetFlags(0)
	m := measurement{out: os.Stdout}
	flag.IntVar(&m.mib, "mib", 4096, "size of the file in `MiB`")
	flag.IntVar(&m.rounds, "rounds", 3, "how often each contender runs, in turn")
	flag.DurationVar(&m.rest, "rest", 100*time.Microsecond, "how long the writer rests after each Append")
	flag.DurationVar(&m.alone, "alone", 5*time.Second, "how long the writer runs without a copy")
	flag.Parse()
	parent := os.TempDir()
	if flag.NArg() > 0 {
		parent = flag.Arg(0)
	}
	if flag.NArg() > 1 || m.mib < 1 || m.rounds < 1 {
		log.Fatal("usage: snapshot [-mib MIB] [-rounds N] [DIR]; at least 1 MiB and one round")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := m.run(ctx, parent); err != nil {
		log.Fatal(err)
	}
}

// measurement is what to measure.
type measurement struct {
	out         io.Writer
	mib, rounds int
	rest, alone time.Duration
}

// result is what the rounds of a contender gave, in nanoseconds.
type result struct {
	took, durable, appends []float64
	failed                 error
}

// run makes the file in a new directory in parent, measures, and removes it.
func (m measurement) run(ctx context.Context, parent string) (err error) {
	dir, err := os.MkdirTemp(parent, "typedmem-snapshot")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	from := filepath.Join(dir, "origin")
	n := m.mib << 20 / int(unsafe.Sizeof(element{}))
	r, err := region.OpenFile[element](from, region.FileOptions{Write: true, Create: true, Capacity: 2*n + 1<<24})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := fill(r, n); err != nil {
		return err
	}
	all := contenders(m.alone)
	results := make([]result, len(all))
	for range m.rounds {
		for i, c := range all {
			if results[i].failed == nil {
				if err := m.round(ctx, c, &results[i], r, from, filepath.Join(dir, "copy")); err != nil {
					return err
				}
			}
		}
	}
	return m.print(all, results)
}

// round runs a contender once. If it cannot copy the result says so.
func (m measurement) round(ctx context.Context, c contender, res *result, r *region.Region[element], from, to string) error {
	if err := settle(r, filepath.Dir(from)); err != nil {
		return err
	}
	w := startWriter(r, m.rest)
	least, begin := r.Len(), time.Now()
	took, err := c.copy(ctx, r, from, to)
	durable := time.Since(begin)
	appends, werr := w.end()
	if werr != nil || ctx.Err() != nil {
		return errors.Join(werr, ctx.Err())
	}
	if res.failed = err; err == nil {
		res.took, res.durable = append(res.took, float64(took)), append(res.durable, float64(durable))
		res.appends = append(res.appends, appends...)
		if c.check != nil {
			if err := c.check(to, least, r.Len()); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// settle brings the file and its file system into the state in which each copy begins.
func settle(r *region.Region[element], dir string) error {
	if err := r.Sync(); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(unix.Syncfs(int(d.Fd())), d.Close()); err != nil {
		return err
	}
	return whole(r.View())
}

func (m measurement) print(all []contender, results []result) error {
	fmt.Fprintf(m.out, "%d MiB, %d rounds, an Append of %d KiB, then a rest of %v; %s\n\n", m.mib, m.rounds, batch*int(unsafe.Sizeof(element{}))>>10, m.rest, report.ThisMachine())
	fmt.Fprintln(m.out, "| | complete after | durable after | longest Append | 99.9 % of them | appends |")
	fmt.Fprintln(m.out, "|---|---|---|---|---|---|")
	for i, c := range all {
		res := results[i]
		if res.failed != nil {
			fmt.Fprintf(m.out, "| %s | not possible | | | | |\n", c.name)
			defer fmt.Fprintf(m.out, "%v\n", res.failed)
			continue
		}
		q := func(q float64, xs []float64) string { return report.Duration(harness.Quantile(q, xs)) }
		_, err := fmt.Fprintf(m.out, "| %s | %s | %s | %s | %s | %d |\n", c.name, q(0.5, res.took), q(0.5, res.durable),
			report.Duration(slices.Max(res.appends)), q(0.999, res.appends), len(res.appends))
		if err != nil {
			return err
		}
	}
	return nil
}
