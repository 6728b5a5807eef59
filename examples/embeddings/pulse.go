package main

import (
	"slices"
	"time"
)

const tick = time.Millisecond

// pulse waits for a timer again and again until stop is called, which returns how late the timer
// was each time, in ascending order: what every other goroutine of the process feels.
func pulse() (stop func() (late []time.Duration)) {
	end, result := make(chan struct{}), make(chan []time.Duration)
	go func() {
		var late []time.Duration
		for {
			begin := time.Now()
			time.Sleep(tick)
			late = append(late, time.Since(begin)-tick)
			select {
			case <-end:
				slices.Sort(late)
				result <- late
				return
			default:
			}
		}
	}()
	return func() []time.Duration {
		close(end)
		return <-result
	}
}
