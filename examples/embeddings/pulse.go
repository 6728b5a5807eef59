package main

import "time"

const tick = time.Millisecond

// pulse waits for a timer again and again until stop is called, which returns how late the timer
// was at worst: what every other goroutine of the process feels.
func pulse() (stop func() (worst time.Duration)) {
	end, result := make(chan struct{}), make(chan time.Duration)
	go func() {
		var worst time.Duration
		for {
			select {
			case <-end:
				result <- worst
				return
			default:
			}
			begin := time.Now()
			time.Sleep(tick)
			worst = max(worst, time.Since(begin)-tick)
		}
	}()
	return func() time.Duration {
		close(end)
		return <-result
	}
}
