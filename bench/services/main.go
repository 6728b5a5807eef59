// Command services runs whole services side by side: what a user would write instead of typedmem,
// end to end. Every contender has a writing and a reading process of its own, and all have to agree
// about the results.
//
//	cd bench/services && go run . [-quick] [-scale N] [-rounds N] [-service NAME]
//	    [-contender NAME] [-dir DIR]
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
)

func services() []service { return []service{ticks(), embeddings(), objects()} }

// config says what of the services runs.
type config struct {
	service, contender string // empty: all
	scale              int    // one part in this many of the rows
	rounds             int
	dir                string
}

func main() {
	log.SetFlags(0)
	if was, err := child(); err != nil {
		log.Fatal(err)
	} else if was {
		return
	}
	var cfg config
	flag.StringVar(&cfg.service, "service", "", "run this service only")
	flag.StringVar(&cfg.contender, "contender", "", "run this contender only")
	flag.IntVar(&cfg.scale, "scale", 1, "one part in `N` of the rows")
	flag.IntVar(&cfg.rounds, "rounds", 1, "run each contender `N` times, in turns, and print the medians")
	flag.StringVar(&cfg.dir, "dir", os.TempDir(), "where the files are made")
	quick := flag.Bool("quick", false, "the same as -scale 100")
	list := flag.Bool("list", false, "name all services and contenders")
	flag.Parse()
	if *quick {
		cfg.scale = 100
	}
	if *list {
		for _, s := range services() {
			for _, c := range s.contenders {
				fmt.Printf("-service %s -contender %q\n", s.name, c.name)
			}
		}
		return
	}
	if err := run(os.Stdout, cfg); err != nil {
		log.Fatal(err)
	}
}

// run measures what cfg selects and prints the tables. A contender that fails is left out of its
// table, and the error names it.
func run(w io.Writer, cfg config) (err error) {
	if cfg.scale < 1 {
		return fmt.Errorf("a scale of %d: give 1 or more", cfg.scale)
	}
	if cfg.rounds < 1 {
		return fmt.Errorf("%d rounds: give 1 or more", cfg.rounds)
	}
	dir, err := os.MkdirTemp(cfg.dir, "services")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ran := false
	for _, s := range services() {
		if cfg.service != "" && cfg.service != s.name {
			continue
		}
		all, e := runService(s, cfg, dir)
		if err = errors.Join(err, e); len(all) > 0 {
			printTable(w, s, s.rows/cfg.scale, cfg.rounds, all)
			ran = true
		}
	}
	if !ran && err == nil {
		return fmt.Errorf("no service %q with a contender %q: -list names all", cfg.service, cfg.contender)
	}
	return err
}

func runService(s service, cfg config, dir string) (all []outcome, err error) {
	rows := s.rows / cfg.scale
	input := ""
	if s.input != nil {
		input = filepath.Join(dir, s.name+".input")
		if err := s.input(input, rows); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.Remove(input)) }()
	}
	var contenders []contender
	for _, c := range s.contenders {
		if cfg.contender != "" && cfg.contender != c.name {
			continue
		}
		if c.script != "" && python() == "" {
			log.Printf("%s, %s: left out, since no python3 has NumPy", s.name, c.name)
			continue
		}
		contenders = append(contenders, c)
	}
	expected := map[int]map[string]string{} // by rows
	rounds := make([][]outcome, len(contenders))
	failed := make([]error, len(contenders))
	for range cfg.rounds {
		for i, c := range contenders {
			if failed[i] != nil {
				continue
			}
			n := rows
			if cfg.scale == 1 && c.part > 1 {
				n = rows / c.part
			}
			if expected[n] == nil {
				if expected[n], err = s.expect(n, input); err != nil {
					return nil, err
				}
			}
			var o outcome
			o, failed[i] = measure(s, c, n, dir, input, expected[n])
			rounds[i] = append(rounds[i], o)
		}
	}
	for i := range contenders {
		if failed[i] == nil {
			all = append(all, middle(rounds[i]))
		}
	}
	return all, errors.Join(failed...)
}
