package region

import (
	"testing"
	"time"
)

// looks plays a Follow whose writer publishes a batch in each period, on a clock of its own: it
// returns how often it looks, and how late it sees a batch at most.
func looks(period, long time.Duration) (n int, lag time.Duration) {
	var now, seen time.Duration // since the start; when there was a batch
	for next := period; now < long; n++ {
		if now < next {
			now += pauseAfter(now - seen)
			continue
		}
		for ; next <= now; next += period {
			lag = max(lag, now-next)
		}
		seen = now
	}
	return n, lag
}

// However the writer works, Follow never waits longer than 4 ms for it: its pauses do not grow
// between batches that are up to two seconds apart.
func TestFollowLooksOftenWhileTheWriterWorks(t *testing.T) {
	for _, period := range []time.Duration{100 * time.Microsecond, time.Millisecond, 20*time.Millisecond + 7, 99 * time.Millisecond, 250*time.Millisecond + 333, time.Second, 1999 * time.Millisecond} {
		if _, lag := looks(period, 20*time.Second); lag > 4*time.Millisecond {
			t.Errorf("a batch each %v is seen %v late", period, lag)
		}
	}
	for rest := time.Duration(0); rest <= 2*time.Second; rest += time.Millisecond {
		if p := pauseAfter(rest); p < time.Millisecond || p > 4*time.Millisecond {
			t.Fatalf("a pause of %v after a rest of %v", p, rest)
		}
	}
}

// At rest it looks ever less often, and what comes after a long rest is late by a small part of it.
func TestFollowLooksRarelyAtRest(t *testing.T) {
	for _, period := range []time.Duration{3 * time.Second, 10 * time.Second, time.Hour} {
		if _, lag := looks(period, 3*period); lag > min(period/500, 50*time.Millisecond) {
			t.Errorf("a batch each %v is seen %v late", period, lag)
		}
	}
	if n, _ := looks(time.Hour, time.Minute); n < 1000 || n > 3500 {
		t.Errorf("it looks %d times in a minute without news", n)
	}
	if n, _ := looks(2*time.Hour, time.Hour); n > 75_000 {
		t.Errorf("it looks %d times in an hour without news", n)
	}
}
