package region_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// An error keeps the reason that its access found, no matter what happens to the memory later.
func TestRefusalsKeepTheirReason(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	r := create[uint64](t, path)
	testkit.Wants(t, "Resize", r.Resize(10), nil)
	reader := open[uint64](t, path)
	view := r.View()
	pairs, err := region.Cast[pair](view)
	testkit.Wants(t, "Cast", err, nil)
	column, err := region.Field[uint64](pairs, 8)
	testkit.Wants(t, "Field", err, nil)

	type kept struct {
		name string
		err  error
		text string
		is   error
	}
	var all []kept
	keep := func(name string, err, is error) {
		t.Helper()
		testkit.Wants(t, name, err, is)
		all = append(all, kept{name, err, fmt.Sprint(err), is})
	}
	check := func(step string) {
		t.Helper()
		for _, k := range all {
			if got := fmt.Sprint(k.err); got != k.text || !errors.Is(k.err, k.is) {
				t.Errorf("%s after %s: %q, it was %q", k.name, step, got, k.text)
			}
		}
	}
	load := func(_ any, err error) error { return err }
	at := func(f func()) error { return testkit.Caught(t, f) }
	// Each way to be refused, now.
	everything := func(state string, read, write error) {
		t.Helper()
		keep(state+": Load", load(r.Load(3)), read)
		keep(state+": At", at(func() { r.At(3) }), read)
		keep(state+": Store", r.Store(3, 1), write)
		keep(state+": Set", at(func() { r.Set(3, 1) }), write)
		keep(state+": Load of a view", load(view.Load(3)), read)
		keep(state+": At of a view", at(func() { view.At(3) }), read)
		keep(state+": Set of a view", at(func() { view.Set(3, 1) }), write)
		keep(state+": Load of a column", load(column.Load(1)), read)
		keep(state+": Store to a column", column.Store(1, 1), write)
	}
	keep("Load past the end", load(r.Load(10)), typedmem.ErrBounds)
	keep("At past the end", at(func() { r.At(10) }), typedmem.ErrBounds)
	keep("Store past the end", r.Store(10, 1), typedmem.ErrBounds)
	keep("Set past the end", at(func() { r.Set(10, 1) }), typedmem.ErrBounds)
	keep("Load of a view past the end", load(view.Load(10)), typedmem.ErrBounds)
	keep("Load of a column past the end", load(column.Load(5)), typedmem.ErrBounds)
	keep("Load of a reader past the end", load(reader.Load(10)), typedmem.ErrBounds)
	keep("Store of a reader", reader.Store(3, 1), typedmem.ErrProtection)
	keep("Store to a read-only view", view.ReadOnly().Store(3, 1), typedmem.ErrProtection)
	testkit.Wants(t, "Append", r.Append(1), nil)
	_, err = reader.Refresh()
	testkit.Wants(t, "Refresh", err, nil)
	check("Append")
	testkit.Wants(t, "Resize", r.Resize(2), nil)
	everything("shrunk", typedmem.ErrBounds, typedmem.ErrBounds)
	testkit.Wants(t, "Resize", r.Resize(20), nil)
	check("growing again")
	m := r.Mapping()
	testkit.Wants(t, "MakeNone", m.MakeNone(), nil)
	everything("none", typedmem.ErrProtection, typedmem.ErrProtection)
	testkit.Wants(t, "MakeReadOnly", m.MakeReadOnly(), nil)
	check("MakeReadOnly")
	keep("read-only: Store", r.Store(3, 1), typedmem.ErrProtection)
	keep("read-only: Set of a view", at(func() { view.Set(3, 1) }), typedmem.ErrProtection)
	testkit.Wants(t, "MakeMut", m.MakeMut(), nil)
	check("MakeMut")
	testkit.Wants(t, "Close", r.Close(), nil)
	testkit.Wants(t, "Close", reader.Close(), nil)
	everything("closed", typedmem.ErrClosed, typedmem.ErrClosed)
	keep("closed: Store to a read-only view", view.ReadOnly().Store(3, 1), typedmem.ErrClosed)
	check("Close")
}

// A goroutine that tails another one's appends sees no error but ErrBounds.
func TestATailSeesOnlyBounds(t *testing.T) {
	r, err := region.New[uint64](0)
	testkit.Wants(t, "New", err, nil)
	defer r.Close()
	const n = 20000
	var seen atomic.Int64
	done := make(chan error, 1)
	go func() {
		defer close(done)
		for i := 0; i < n; {
			x, err := r.Load(i)
			switch {
			case err == nil && x == uint64(i):
				i++
				seen.Store(int64(i))
			case err == nil:
				done <- fmt.Errorf("element %d is %d", i, x)
				return
			case !errors.Is(err, typedmem.ErrBounds) || errors.Is(err, typedmem.ErrProtection):
				done <- err
				return
			}
		}
	}()
	for i := range n {
		testkit.Wants(t, "Append", r.Append(uint64(i)), nil)
		for i%64 == 0 && seen.Load() < int64(i) && len(done) == 0 { // the reader waits as often as the writer
			runtime.Gosched()
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
