package main

import (
	"fmt"
	"strings"
	"time"
)

// target is one promise and what became of it.
type target struct {
	text, figure string
	met          bool
}

// judge holds the outcome of this library against the others. It returns nothing where that one did
// not run, and leaves out targets that nobody there can be compared for.
func judge(s service, rows int, all []outcome) (ts []target) {
	us, found := outcome{}, false
	for _, o := range all {
		if o.contender.name == ours {
			us, found = o, true
		}
	}
	if !found {
		return nil
	}
	if o, ok := least(all, func(o outcome) (float64, bool) {
		return float64(whole(o, restart, rows)), o.contender.loads
	}); ok {
		r := float64(whole(o, restart, rows)) / float64(us.report.Phases[restart])
		ts = append(ts, target{"restart at least 100 × faster than any that loads",
			fmt.Sprintf("%s × (%s)", number(r), o.contender.name), r >= 100})
	}
	if o, ok := least(all, func(o outcome) (float64, bool) {
		return float64(o.memory.anon), o.contender.heap && o.rows == rows
	}); ok {
		r := float64(us.memory.anon) / float64(o.memory.anon)
		ts = append(ts, target{"peak RssAnon at most 0.05 × that of the heap",
			fmt.Sprintf("%.4f × (%s)", r, o.contender.name), r <= 0.05})
	}
	for _, phases := range s.judged {
		sum := func(o outcome) (d time.Duration) {
			for _, phase := range phases {
				d += whole(o, phase, rows)
			}
			return d
		}
		o, ok := least(all, func(o outcome) (float64, bool) {
			return float64(sum(o)), sum(o) > 0 && o.contender.name != ours && !o.contender.unsafe
		})
		if !ok || sum(us) == 0 {
			continue
		}
		r := float64(sum(us)) / float64(sum(o))
		ts = append(ts, target{strings.Join(phases, " and ") + ": at least as fast as the best safe alternative",
			fmt.Sprintf("%.2f × its time (%s)", r, o.contender.name), r <= 1})
	}
	return ts
}

// whole returns the time of a phase for all rows. One that had a part of them is taken to need time
// in proportion, which is less than it would need; a restart that does not load stays as it is.
func whole(o outcome, phase string, rows int) time.Duration {
	d := o.report.Phases[phase]
	if phase == restart && !o.contender.loads {
		return d
	}
	return time.Duration(float64(d) * float64(rows) / float64(o.rows))
}

// least returns the outcome with the smallest figure of those that have one.
func least(all []outcome, figure func(outcome) (float64, bool)) (best outcome, ok bool) {
	var smallest float64
	for _, o := range all {
		if x, has := figure(o); has && (!ok || x < smallest) {
			best, smallest, ok = o, x, true
		}
	}
	return best, ok
}
