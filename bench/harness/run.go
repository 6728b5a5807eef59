package harness

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// MostRounds is how many times as many rounds as usual a quick row gets.
const MostRounds = 11

// Config says how to measure.
type Config struct {
	Quick  bool
	Rounds int           // at least so many
	Length time.Duration // of a round
	Share  time.Duration // of each contender: while a row has not used that, there are further rounds, up to MostRounds times as many
	Disk   string        // a directory on a disk
	Step   func(row, doing string)
}

// Result is what a row's rounds gave.
type Result struct {
	Row   Row
	Cases []CaseResult
}

// CaseResult is what the rounds of a case gave; Err says why there are none.
type CaseResult struct {
	Case    Case
	Samples []Sample
	Err     string
}

// runner is a case that is ready, in this process or another.
type runner interface {
	round() (Sample, error)
	close() error
}

// local is a case in this process.
type local struct {
	bench Bench
	n     int
}

func (l *local) round() (Sample, error) { return round(l.bench, l.n) }
func (l *local) close() error {
	if l.bench.Close == nil {
		return nil
	}
	return l.bench.Close()
}

func startLocal(c Case, env *Env, length time.Duration) (runner, error) {
	b, err := c.Setup(env)
	if err != nil {
		return nil, err
	}
	l := &local{bench: b}
	if l.n, err = repetitions(b, length*time.Duration(max(b.Long, 1))); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

// Measure runs all cases of a row in turn, round after round. It ends early, and leaves no file,
// when ctx does.
func Measure(ctx context.Context, row Row, cfg Config) (res Result, err error) {
	env, cleanup, err := newEnv(cfg.Quick, cfg.Disk, memoryDir(cfg.Disk))
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, cleanup()) }()
	res = Result{Row: row, Cases: make([]CaseResult, len(row.Cases))}
	runners := make([]runner, len(row.Cases))
	start := func(i int) {
		var err error
		if row.Own {
			runners[i], err = startChild(row.Name, row.Cases[i].Name, cfg, env)
		} else {
			runners[i], err = startLocal(row.Cases[i], env, cfg.Length)
		}
		if err != nil {
			res.Cases[i].Err, runners[i] = err.Error(), nil
		}
	}
	stop := func(i int) {
		if runners[i] == nil {
			return
		}
		if err := runners[i].close(); err != nil && res.Cases[i].Err == "" {
			res.Cases[i].Err = fmt.Sprintf("close: %v", err)
		}
		runners[i] = nil
	}
	for i, c := range row.Cases {
		res.Cases[i].Case = c
		if !row.Fresh && ctx.Err() == nil {
			cfg.Step(row.Name, "set up "+c.Name)
			start(i)
		}
	}
	began, share := time.Now(), time.Duration(len(row.Cases))*cfg.Share
	for r := 0; r < cfg.Rounds || r < MostRounds*cfg.Rounds && time.Since(began) < share && ctx.Err() == nil; r++ {
		runtime.GC()
		for i, c := range row.Cases {
			if res.Cases[i].Err != "" || ctx.Err() != nil || c.Most > 0 && r >= c.Most {
				continue
			}
			cfg.Step(row.Name, fmt.Sprintf("round %d: %s", r+1, c.Name))
			if row.Fresh {
				start(i)
				if runners[i] == nil {
					continue
				}
			}
			s, err := runners[i].round()
			if err != nil {
				res.Cases[i].Err = err.Error()
			} else {
				res.Cases[i].Samples = append(res.Cases[i].Samples, s)
			}
			if row.Fresh {
				stop(i)
			}
		}
	}
	for i := range runners {
		stop(i)
	}
	return res, ctx.Err()
}
