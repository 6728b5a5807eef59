package testkit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/mem"
)

// Ender is what can be pinned, shut down and closed: a mapping, a region, a slab.
type Ender interface {
	Pin() (unpin func(), err error)
	Shutdown(ctx context.Context) error
	Close() error
}

// Waiting is a Shutdown that waits for pins.
type Waiting struct {
	Cancel context.CancelFunc
	done   chan error
}

// Wait returns what the Shutdown returns, and fails the test if it does not return.
func (w *Waiting) Wait(t testing.TB) error {
	t.Helper()
	return Returns(t, "Shutdown", func() error { return <-w.done })
}

// StartShutdown runs Shutdown in a goroutine, and returns once it waits: it has refused new pins
// and looked at those that there are.
func StartShutdown(t testing.TB, x Ender) *Waiting {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	c := &watched{Context: ctx, waits: make(chan struct{})}
	w := &Waiting{cancel, make(chan error, 1)}
	go func() { w.done <- x.Shutdown(c) }()
	select {
	case <-c.waits:
	case err := <-w.done:
		t.Fatalf("Shutdown does not wait: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("Shutdown neither waits nor returns")
	}
	return w
}

// CheckShutdownBesideSync checks that a Shutdown ends though goroutines call Sync without pause,
// and that with a pin Sync works until the pin ends.
func CheckShutdownBesideSync(t *testing.T, x interface {
	Ender
	Sync() error
}) {
	t.Helper()
	unpin := Must(x.Pin())(t)
	s := StartShutdown(t, x)
	Wants(t, "Sync with a pin", x.Sync(), nil)
	const goroutines = 4
	ends := make(chan error, goroutines)
	for range goroutines {
		go func() {
			for {
				if err := x.Sync(); err != nil {
					ends <- err
					return
				}
			}
		}()
	}
	unpin()
	Wants(t, "Shutdown", s.Wait(t), nil)
	for range goroutines {
		Wants(t, "Sync", <-ends, mem.ErrClosed)
	}
}

// watched is a context that tells when somebody waits for its end.
type watched struct {
	context.Context
	waits chan struct{}
	once  sync.Once
}

func (c *watched) Done() <-chan struct{} {
	c.once.Do(func() { close(c.waits) })
	return c.Context.Done()
}

// CheckShutdown checks what Shutdown promises, with things that make makes. busy is
// typedmem.ErrBusy.
func CheckShutdown(t *testing.T, busy error, make func(t *testing.T) Ender) {
	pin := func(t *testing.T, x Ender) func() {
		t.Helper()
		return Must(x.Pin())(t)
	}
	isClosed := func(t *testing.T, x Ender) {
		t.Helper()
		_, err := x.Pin()
		Wants(t, "Pin", err, mem.ErrClosed)
		Wants(t, "Close", x.Close(), mem.ErrClosed)
		Wants(t, "Shutdown", x.Shutdown(context.Background()), mem.ErrClosed)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, check := range map[string]func(t *testing.T, x Ender){
		"an ended context and no pin": func(t *testing.T, x Ender) {
			Wants(t, "Shutdown", x.Shutdown(canceled), nil)
			isClosed(t, x)
		},
		"an ended context and two pins": func(t *testing.T, x Ender) {
			first, second := pin(t, x), pin(t, x)
			Wants(t, "Shutdown", x.Shutdown(canceled), context.Canceled, "pins left: 2")
			third := pin(t, x)
			first()
			second()
			first()
			Wants(t, "Shutdown", x.Shutdown(canceled), context.Canceled, "pins left: 1")
			third()
			Wants(t, "Shutdown", x.Shutdown(canceled), nil)
			isClosed(t, x)
		},
		"a deadline": func(t *testing.T, x Ender) {
			unpin := pin(t, x)
			soon, cancel := context.WithTimeout(context.Background(), time.Millisecond)
			defer cancel()
			Wants(t, "Shutdown", x.Shutdown(soon), context.DeadlineExceeded, "pins left: 1")
			pin(t, x)()
			unpin()
			Wants(t, "Close", x.Close(), nil)
		},
		"pins": func(t *testing.T, x Ender) {
			first, second := pin(t, x), pin(t, x)
			s := StartShutdown(t, x)
			_, err := x.Pin()
			Wants(t, "Pin", err, mem.ErrClosed, "Shutdown")
			Wants(t, "Close", x.Close(), busy)
			first()
			first()
			_, err = x.Pin()
			Wants(t, "Pin", err, mem.ErrClosed, "Shutdown")
			Wants(t, "Close", x.Close(), busy)
			second()
			Wants(t, "Shutdown", s.Wait(t), nil)
			isClosed(t, x)
			second()
		},
		"a context that ends": func(t *testing.T, x Ender) {
			unpin := pin(t, x)
			s := StartShutdown(t, x)
			s.Cancel()
			Wants(t, "Shutdown", s.Wait(t), context.Canceled, "pins left: 1")
			again := pin(t, x)
			unpin()
			Wants(t, "Close", x.Close(), busy)
			s = StartShutdown(t, x)
			again()
			Wants(t, "Shutdown", s.Wait(t), nil)
			isClosed(t, x)
		},
		"several Shutdowns": func(t *testing.T, x Ender) {
			unpin := pin(t, x)
			all := []*Waiting{StartShutdown(t, x), StartShutdown(t, x), StartShutdown(t, x)}
			all[0].Cancel()
			Wants(t, "the one that is cancelled", all[0].Wait(t), context.Canceled)
			_, err := x.Pin()
			Wants(t, "Pin beside the others", err, mem.ErrClosed)
			unpin()
			a, b := all[1].Wait(t), all[2].Wait(t)
			if a != nil {
				a, b = b, a
			}
			Wants(t, "one Shutdown", a, nil)
			Wants(t, "the other one", b, mem.ErrClosed)
			isClosed(t, x)
		},
		"Close from another goroutine": func(t *testing.T, x Ender) {
			unpin := pin(t, x)
			s := StartShutdown(t, x)
			closed := Waiting{done: makeChan()}
			go func() {
				err := x.Close()
				for errors.Is(err, busy) {
					err = x.Close()
				}
				closed.done <- err
			}()
			unpin()
			a, b := s.Wait(t), closed.Wait(t)
			if a != nil {
				a, b = b, a
			}
			Wants(t, "Close or Shutdown", a, nil)
			Wants(t, "the other one", b, mem.ErrClosed)
			isClosed(t, x)
		},
	} {
		t.Run(name, func(t *testing.T) { check(t, make(t)) })
	}
	t.Run("programs", func(t *testing.T) {
		for seed := range uint64(Cond(testing.Short(), 20, 200)) {
			if runProgram(t, busy, make(t), seed); t.Failed() {
				t.Fatal("seed", seed)
			}
		}
	})
	t.Run("goroutines", func(t *testing.T) {
		for seed := range uint64(Cond(testing.Short(), 5, 50)) {
			if runGoroutines(t, busy, make(t), seed); t.Failed() {
				t.Fatal("seed", seed)
			}
		}
	})
}

func makeChan() chan error { return make(chan error, 1) }

// runProgram runs random steps and compares each result with a plain model: is it open, how many
// pins are there, and which Shutdowns wait.
func runProgram(t *testing.T, busy error, x Ender, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	var pins, gone []func()
	var waiting []*Waiting
	open, steps := true, ""
	wants := func(what string, err, want error, words ...string) {
		t.Helper()
		steps += what + "; "
		Wants(t, steps, err, want, words...)
	}
	take := func(list *[]func()) func() {
		i := random.IntN(len(*list))
		f := (*list)[i]
		*list = append((*list)[:i:i], (*list)[i+1:]...)
		return f
	}
	for range 40 {
		switch step := random.IntN(12); {
		case step < 4:
			unpin, err := x.Pin()
			if !open || len(waiting) > 0 {
				wants("pin", err, mem.ErrClosed)
				break
			}
			wants("pin", err, nil)
			pins = append(pins, unpin)
		case step < 7 && len(pins) > 0:
			unpin := take(&pins)
			gone = append(gone, unpin)
			unpin()
			wants("unpin", nil, nil)
			if len(pins) > 0 || len(waiting) == 0 {
				break
			}
			closed := 0
			for _, w := range waiting { // one of them closes
				if err := w.Wait(t); err == nil {
					closed++
				} else {
					wants("a Shutdown ends", err, mem.ErrClosed)
				}
			}
			if open, waiting = false, nil; closed != 1 {
				t.Fatal(steps, closed, " Shutdowns have closed it")
			}
		case step < 8 && len(gone) > 0:
			take(&gone)()
			wants("unpin again", nil, nil)
		case step < 9 && len(pins) > 0:
			waiting = append(waiting, StartShutdown(t, x))
			wants("Shutdown waits", nil, nil)
		case step < 10 && len(waiting) > 0:
			i := random.IntN(len(waiting))
			waiting[i].Cancel()
			wants("cancel", waiting[i].Wait(t), context.Canceled, fmt.Sprint("pins left: ", len(pins)))
			waiting = append(waiting[:i:i], waiting[i+1:]...)
		case step == 10 && (len(pins) > 0 || random.IntN(4) == 0):
			want := Cond(!open, mem.ErrClosed, Cond(len(pins) > 0, busy, nil))
			err := x.Close()
			wants("Close", err, want)
			open = open && err != nil
		case step == 11 && len(pins) == 0 && random.IntN(4) == 0:
			err := x.Shutdown(context.Background())
			wants("Shutdown", err, Cond(open, nil, mem.ErrClosed))
			open = false
		}
	}
	for _, w := range waiting {
		w.Cancel()
		wants("cancel", w.Wait(t), context.Canceled)
	}
	for _, unpin := range pins {
		unpin()
	}
	wants("Close at the end", x.Close(), Cond(open, nil, mem.ErrClosed))
}

// ending is a call of Close or Shutdown, by the ticks of a clock before and after it.
type ending struct {
	from, to int64
	shutdown bool
	err      error
}

// held is a pin, or one that was refused, by the ticks before and after the call of Pin, and before
// and after that of unpin.
type held struct {
	from, got, to, gone int64
	err                 error
}

// runGoroutines has several goroutines pin, unpin, shut down, cancel and close at once. What each
// saw must fit together: one closes it, while nobody has a pin; a pin is refused beside a Shutdown
// or after the end only, and a Close beside a pin, or another call that closes, only.
func runGoroutines(t *testing.T, busy error, x Ender, seed uint64) {
	t.Helper()
	var clock atomic.Int64
	var mu sync.Mutex
	var pins []held
	var ends []ending
	var group sync.WaitGroup
	end := func(shutdown bool, call func() error) {
		e := ending{from: clock.Add(1), shutdown: shutdown}
		e.err = call()
		e.to = clock.Add(1)
		mu.Lock()
		defer mu.Unlock()
		ends = append(ends, e)
	}
	for g := range uint64(4) {
		group.Add(1)
		go func() {
			defer group.Done()
			random := rand.New(rand.NewPCG(seed, g+2))
			for range 50 {
				switch random.IntN(12) {
				case 0:
					end(false, x.Close)
				case 1, 2:
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.IntN(200))*time.Microsecond)
					end(true, func() error { return x.Shutdown(ctx) })
					cancel()
				default:
					p := held{from: clock.Add(1)}
					var unpin func()
					unpin, p.err = x.Pin()
					p.got = clock.Add(1)
					if p.err == nil {
						for range random.IntN(3) {
							time.Sleep(time.Microsecond) // a little work
						}
						p.to = clock.Add(1)
						unpin()
						p.gone = clock.Add(1)
					}
					mu.Lock()
					pins = append(pins, p)
					mu.Unlock()
				}
			}
		}()
	}
	group.Wait()
	end(false, x.Close)
	var closed *ending
	for i, e := range ends {
		switch {
		case e.err == nil && closed != nil:
			t.Fatal("closed twice")
		case e.err == nil:
			closed = &ends[i]
		}
	}
	if closed == nil {
		t.Fatal("nobody could close it")
	}
	overlaps := func(from, to, from2, to2 int64) bool { return from < to2 && from2 < to }
	for _, p := range pins {
		switch {
		case p.err == nil && p.from > closed.to:
			t.Error("a pin after the end")
		case p.err == nil && p.got < closed.from && p.to > closed.to:
			t.Error("closed beside a pin")
		case p.err == nil:
		case !errors.Is(p.err, mem.ErrClosed):
			t.Errorf("pin: %v", p.err)
		case p.got < closed.from:
			beside := false
			for _, e := range ends {
				beside = beside || e.shutdown && overlaps(p.from, p.got, e.from, e.to)
			}
			if !beside {
				t.Error("a pin was refused while no Shutdown waited")
			}
		}
	}
	for i, e := range ends {
		timedOut := e.shutdown && errors.Is(e.err, context.DeadlineExceeded)
		switch {
		case e.err == nil:
		case errors.Is(e.err, mem.ErrClosed):
			if e.to < closed.from {
				t.Errorf("%v before the end", e.err)
			}
		case timedOut || !e.shutdown && errors.Is(e.err, busy):
			beside := false
			for _, p := range pins {
				beside = beside || p.err == nil && overlaps(e.from, e.to, p.from, p.gone)
			}
			for j, o := range ends {
				beside = beside || i != j && overlaps(e.from, e.to, o.from, o.to)
			}
			if !beside {
				t.Errorf("%v with nothing in the way", e.err)
			}
			if timedOut && !strings.Contains(e.err.Error(), "left") {
				t.Errorf("%v does not say what is left", e.err)
			}
		default:
			t.Errorf("shutdown %v: %v", e.shutdown, e.err)
		}
	}
}
