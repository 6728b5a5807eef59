package main

import (
	"encoding/json"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"time"
)

// envProcess holds the JSON of the process that this one is to be.
const envProcess = "TYPEDMEM_SERVICES_PROCESS"

// child runs the process that the environment names, if it names one. It prints its report, then
// waits for the end of its input, so that the parent can read its memory use.
func child() (was bool, err error) {
	text, was := os.LookupEnv(envProcess)
	if !was {
		return false, nil
	}
	var p process
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return true, err
	}
	p.report = report{Phases: map[string]time.Duration{}, Results: map[string]string{}}
	_, c, err := find(p.Service, p.Contender)
	if err == nil {
		run := c.read
		if p.Write {
			run = c.write
		}
		err = run(&p)
	}
	if err != nil {
		p.report.Err = err.Error()
	}
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	if p.report.GCs = gc.NumGC; len(gc.Pause) > 0 {
		p.report.Pause = slices.Max(gc.Pause)
	}
	if err := json.NewEncoder(os.Stdout).Encode(p.report); err != nil {
		return true, err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return true, err
}
