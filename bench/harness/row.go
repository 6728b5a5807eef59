// Package harness measures rows of contenders side by side: interleaved rounds, medians and spread,
// allocations, page faults and peak memory.
package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Row is one question that several contenders answer.
type Row struct {
	Name  string
	Unit  string // what one operation is
	Floor string // the case that is the least that can be done
	Cases []Case

	Own   bool // every case runs in a process of its own, so that its memory is its own
	Fresh bool // with Own: a new process for every round

	Plot string  // the scaling plot that the row is a point of, "" for none
	X    float64 // where on that plot
	XOf  string  // what X counts
}

// Case is one contender of a row.
type Case struct {
	Name string
	Lib  string // whose code it is; Ours for this library
	Note string // what is unfair about comparing with it, "" for nothing
	Most int    // rounds at most, for what takes many seconds; 0 for all
	// Setup makes the contender ready. What it opens, Bench.Close gives back.
	Setup func(*Env) (Bench, error)
}

// Ours is the Lib of this library's own cases.
const Ours = "typedmem"

// Bench is a contender that is ready to run.
type Bench struct {
	Ops   int               // operations in one repetition
	Run   func(n int) error // n repetitions, timed
	Once  bool              // one repetition a round, however short
	Long  int               // how many times the usual length a round has, 0 for once: for what is slow until caches and threads are warm
	Reset func() error      // before each round, not timed
	Close func() error
	More  func() map[string]float64 // further figures of the last round
	Bytes int                       // of data that a repetition leaves, for peak memory; 0 where that says nothing
}

// Env is what a case may use while its row runs.
type Env struct {
	Quick bool
	Disk  string // a directory on a disk
	Fast  string // a directory in memory, where the system has one
	files map[string]string
	kept  map[string]any
	close []func() error
}

// Keep returns what make gives on first use; all cases of the row share it, and its close runs
// after the row.
func Keep[V any](e *Env, name string, make func() (v V, close func() error, err error)) (V, error) {
	if v, ok := e.kept[name]; ok {
		return v.(V), nil
	}
	v, end, err := make()
	if err != nil {
		return v, err
	}
	if e.kept == nil {
		e.kept = map[string]any{}
	}
	e.kept[name] = v
	e.close = append(e.close, end)
	return v, nil
}

// Size returns full, or quick with -quick.
func (e *Env) Size(full, quick int) int {
	if e.Quick {
		return quick
	}
	return full
}

// Shared returns the file that make fills on first use; all cases of the row share it.
func (e *Env) Shared(name string, make func(f *os.File) error) (path string, err error) {
	path = filepath.Join(e.Fast, name)
	if _, ok := e.files[path]; ok {
		return path, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	if err := errors.Join(make(f), f.Close()); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if e.files == nil {
		e.files = map[string]string{}
	}
	e.files[path] = name
	return path, nil
}

// memoryDir is a directory in memory, or disk where the system has none.
func memoryDir(disk string) string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return disk
}

// newEnv makes the directories of one row in the two given ones.
func newEnv(quick bool, disk, fast string) (*Env, func() error, error) {
	e := &Env{Quick: quick}
	var err error
	if e.Disk, err = os.MkdirTemp(disk, "typedmem-bench"); err != nil {
		return nil, nil, err
	}
	if e.Fast, err = os.MkdirTemp(fast, "typedmem-bench"); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(e.Disk))
	}
	return e, func() error {
		var err error
		for _, end := range e.close {
			err = errors.Join(err, end())
		}
		return errors.Join(err, os.RemoveAll(e.Disk), os.RemoveAll(e.Fast))
	}, nil
}
