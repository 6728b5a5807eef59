package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// memory is the most that a process had, in bytes.
type memory struct{ rss, anon int64 }

// watch looks at the memory of a process every 5 ms until the function that it returns is called.
func watch(pid int) (stop func() (memory, error)) {
	end, done := make(chan struct{}), make(chan struct{})
	var most memory
	var err error
	go func() {
		defer close(done)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			last := false
			select {
			case <-end:
				last = true
			case <-tick.C:
			}
			var now memory
			if now, err = memoryOf(pid); err == nil {
				most = memory{max(most.rss, now.rss), max(most.anon, now.anon)}
			}
			if last {
				tick.Stop()
				return
			}
		}
	}()
	return func() (memory, error) {
		close(end)
		<-done
		return most, err
	}
}

// memoryOf reads the peak of resident memory, and the anonymous part of it now, of a process.
func memoryOf(pid int) (m memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	for line := range strings.Lines(string(text)) {
		for name, at := range map[string]*int64{"VmHWM:": &m.rss, "RssAnon:": &m.anon} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				if _, err := fmt.Sscanf(rest, "%d kB", at); err != nil {
					return m, fmt.Errorf("%q: %w", line, err)
				}
				*at *= 1024
			}
		}
	}
	return m, nil
}
