package typedmem_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// The states of a mapping: its memory, by what may be done to it …
var stateNames = [6]string{"reserved", "none", "r", "rw", "rx", "rwx"}

// … and who holds it: live, pinned, closed, spent by a merge, or nobody: the zero Mapping. In the
// last three every operation returns ErrClosed.

// operation is a row of the table of states: what it returns in each state, nil for success.
type operation struct {
	name    string
	does    string
	run     func(m *typedmem.Mapping) error
	live    [6]error
	pinned  [6]error
	becomes string // the state afterwards, "" for the same; a reserved range stays reserved unless commits is set
	commits bool
	without flags.Unsafe // unsafe flags that the mapping is not built with
}

var (
	committed   = [6]error{0: typedmem.ErrOperation}
	readable    = [6]error{typedmem.ErrOperation, typedmem.ErrProtection}
	writable    = [6]error{typedmem.ErrOperation, typedmem.ErrProtection, typedmem.ErrProtection, nil, typedmem.ErrProtection, nil}
	busy        = [6]error{typedmem.ErrBusy, typedmem.ErrBusy, typedmem.ErrBusy, typedmem.ErrBusy, typedmem.ErrBusy, typedmem.ErrBusy}
	busyMapped  = [6]error{typedmem.ErrOperation, typedmem.ErrBusy, typedmem.ErrBusy, typedmem.ErrBusy, typedmem.ErrBusy, typedmem.ErrBusy}
	ended       = [6]error{context.Canceled, context.Canceled, context.Canceled, context.Canceled, context.Canceled, context.Canceled}
	needsJIT    = [6]error{typedmem.ErrUnsafeFlag, typedmem.ErrUnsafeFlag, typedmem.ErrUnsafeFlag, typedmem.ErrUnsafeFlag, typedmem.ErrUnsafeFlag, typedmem.ErrUnsafeFlag}
	stateLength = 4 * unit
)

var operations = []operation{
	{name: "Bytes", does: "the memory as a slice; where an error stands it panics with it", live: readable, pinned: readable,
		run: func(m *typedmem.Mapping) error { _, err := raw(m); return err }},
	{name: "Commit", does: "puts memory behind a reserved range", commits: true, run: (*typedmem.Mapping).Commit},
	{name: "MakeNone", does: "forbids every access", becomes: "none", run: (*typedmem.Mapping).MakeNone},
	{name: "MakeReadOnly", does: "allows reading", becomes: "r", run: (*typedmem.Mapping).MakeReadOnly},
	{name: "MakeMut", does: "allows reading and writing", becomes: "rw", run: (*typedmem.Mapping).MakeMut},
	{name: "MakeExec", does: "allows reading and executing", becomes: "rx", run: (*typedmem.Mapping).MakeExec},
	{name: "MakeExecNoFlush", does: "the same, instruction caches stay", becomes: "rx", run: (*typedmem.Mapping).MakeExecNoFlush},
	{name: "MakeExecMut", does: "allows everything; built with flags.JIT", becomes: "rwx", run: (*typedmem.Mapping).MakeExecMut},
	{name: "MakeExecMut", does: "built without flags.JIT", live: needsJIT, pinned: needsJIT, without: flags.JIT, run: (*typedmem.Mapping).MakeExecMut},
	{name: "Lock, LockRange", does: "keep pages in memory", live: readable, pinned: readable,
		run: func(m *typedmem.Mapping) error {
			return firstError(m.Lock(), m.LockRange(1, 2), m.LockRange(0, 0), m.Unlock())
		}},
	{name: "Unlock, UnlockRange", does: "let pages go", live: committed, pinned: committed,
		run: func(m *typedmem.Mapping) error {
			return firstError(m.Unlock(), m.UnlockRange(1, 2), m.UnlockRange(0, 0))
		}},
	{name: "Flush, FlushAsync", does: "write changes of a shared file mapping to the file", live: committed, pinned: committed,
		run: func(m *typedmem.Mapping) error {
			return firstError(m.Flush(1, 2), m.FlushAsync(1, 2), m.Flush(0, 0), m.FlushAsync(0, 0))
		}},
	{name: "FlushInstructionCache", does: "shows written code to instruction fetches", live: readable, pinned: readable,
		run: (*typedmem.Mapping).FlushInstructionCache},
	{name: "Advise", does: "tells the kernel about the use to come", live: committed, pinned: committed,
		run: func(m *typedmem.Mapping) error {
			return firstError(m.Advise(1, 2, flags.Sequential|flags.WillNeed), m.Advise(0, 0, flags.WillNeed))
		}},
	{name: "Prefault", does: "brings pages in", live: readable, pinned: readable,
		run: func(m *typedmem.Mapping) error { return firstError(m.Prefault(1, unit+1), m.Prefault(0, 0)) }},
	{name: "Prefetch, Resident, Fetch", does: "hint, count and bring in pages", live: readable, pinned: readable,
		run: func(m *typedmem.Mapping) error {
			_, err := m.Resident(1, unit+1)
			return firstError(m.Prefetch(1, unit+1), m.Prefetch(0, 0), ignore(err, errors.ErrUnsupported), mem.Of(m).Fetch(ranges(m, 0, 1), false))
		}},
	{name: "Resize, longer", does: "takes of the capacity", live: committed, pinned: committed,
		run: func(m *typedmem.Mapping) error { return m.Resize(stateLength + unit + 1) }},
	{name: "MakeRoom", does: "puts memory ahead of the length", live: committed, pinned: committed,
		run: func(m *typedmem.Mapping) error { return mem.Of(m).MakeRoom(stateLength + unit + 1) }},
	{name: "Resize, shorter, whole pages", does: "gives pages back", live: committed, pinned: busyMapped,
		run: func(m *typedmem.Mapping) error { return m.Resize(unit) }},
	{name: "Resize, shorter, within a page", does: "gives pages back and clears the rest of the last one", live: writable, pinned: busyMapped,
		run: func(m *typedmem.Mapping) error { return m.Resize(unit + 1) }},
	{name: "CanResize, shorter, within a page", does: "says what Resize would return", live: writable, pinned: busyMapped,
		run: func(m *typedmem.Mapping) error { return mem.Of(m).CanResize(unit + 1) }},
	{name: "SplitOff, SplitTo", does: "cut in two", pinned: busy,
		run: func(m *typedmem.Mapping) error {
			right, err := m.SplitOff(2 * unit)
			if err != nil {
				return err
			}
			left, err := m.SplitTo(unit)
			if err != nil {
				return err
			}
			return firstError(m.Merge(right), left.Merge(m), left.Close())
		}},
	{name: "Merge", does: "joins the mapping that follows", pinned: busy,
		run: func(m *typedmem.Mapping) error { return m.Merge(follower(m)) }},
	{name: "Pin", does: "holds the mapping open", run: func(m *typedmem.Mapping) error {
		unpin, err := m.Pin()
		if err == nil {
			unpin()
			unpin() // harmless
		}
		return err
	}},
	{name: "Shutdown", does: "waits for pins, and gives everything back; with a context that has ended", pinned: ended,
		run: func(m *typedmem.Mapping) error {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			return m.Shutdown(ctx)
		}},
	{name: "Close", does: "gives everything back", pinned: busy, run: (*typedmem.Mapping).Close},
}

// followers are the mappings that Merge joins, cut off before the mapping was pinned, closed or
// spent.
var followers = map[*typedmem.Mapping]*typedmem.Mapping{}

func follower(m *typedmem.Mapping) *typedmem.Mapping { return followers[m] }

// inState makes a mapping of stateLength bytes, with capacity for more, in the named state.
func inState(t *testing.T, state int, u flags.Unsafe) *typedmem.Mapping {
	t.Helper()
	o := options.New(stateLength).WithCapacity(16 * unit).WithUnsafeFlags(u)
	var m *typedmem.Mapping
	var err error
	if state == 0 {
		m, err = o.ReserveMut()
	} else {
		m, err = o.MapMut()
	}
	testkit.Check(t, err, "map")
	testkit.CloseLater(t, m)
	switch stateNames[state] {
	case "none":
		err = m.MakeNone()
	case "r":
		err = m.MakeReadOnly()
	case "rx":
		err = m.MakeExec()
	case "rwx":
		err = m.MakeExecMut()
	}
	testkit.Check(t, err, "preparation")
	return m
}

var protectionOf = map[string]flags.Protection{"reserved": mut, "none": none, "r": read, "rw": mut, "rx": exec, "rwx": execMut}

// Every operation in every state returns what the table says, and leaves the state that it says.
func TestEveryOperationInEveryState(t *testing.T) {
	for _, op := range operations {
		for state, name := range stateNames {
			for _, holder := range []string{"live", "pinned", "closed", "spent", "zero"} {
				t.Run(fmt.Sprintf("%s (%s)/%s/%s", op.name, op.does, name, holder), func(t *testing.T) {
					if op.without == flags.JIT && name == "rwx" {
						t.Skip("without flags.JIT that state does not exist")
					}
					if name == "rwx" || op.becomes == "rwx" {
						testenv.Differs(t, wxRefused)
					}
					m := inState(t, state, flags.JIT&^op.without)
					if op.name == "Merge" {
						followers[m] = testkit.Must(m.SplitOff(3 * unit))(t)
						testkit.CloseLater(t, followers[m])
						defer delete(followers, m)
					}
					want := op.live[state]
					switch holder {
					case "pinned":
						testkit.Check(t, pinned(t, m), "pin")
						want = op.pinned[state]
					case "closed":
						testkit.Check(t, m.Close(), "close")
						want = typedmem.ErrClosed
					case "spent":
						left := testkit.Must(m.SplitTo(unit))(t)
						testkit.CloseLater(t, left)
						testkit.Check(t, left.Merge(m), "merge")
						want = typedmem.ErrClosed
					case "zero":
						next := m
						m, want = new(typedmem.Mapping), typedmem.ErrClosed
						followers[m] = next
						defer delete(followers, m)
						testkit.Wants(t, "merge with the zero Mapping", next.Merge(m), typedmem.ErrClosed)
					}
					length := m.Len()
					err := op.run(m)
					if errors.Is(err, errors.ErrUnsupported) && op.name == "FlushInstructionCache" {
						t.Skipf("not on this processor: %v", err)
					}
					testkit.Wants(t, op.name, err, want)
					if op.name == "Merge" && want == nil && m.Len() != stateLength {
						t.Errorf("merged: %d bytes", m.Len())
					}
					if want != nil && m.Len() != length {
						t.Errorf("the refusal changed the length from %d to %d", length, m.Len())
					}
					if errors.Is(want, typedmem.ErrClosed) || op.name == "Close" || op.name == "Shutdown" && want == nil || op.name == "SplitOff, SplitTo" {
						return
					}
					protection, isCommitted := protectionOf[name], state != 0 || op.commits
					if want == nil && op.becomes != "" {
						protection = protectionOf[op.becomes]
					}
					if m.Protection() != protection || m.Committed() != isCommitted {
						t.Errorf("afterwards: %v, committed %v; want %v, %v", m.Protection(), m.Committed(), protection, isCommitted)
					}
				})
			}
		}
	}
}

// The zero Mapping returns what a closed one returns.
func TestZeroMapping(t *testing.T) {
	var m typedmem.Mapping
	if m.Len() != 0 || m.Cap() != 0 || m.Addr() != 0 || m.PageSize() != 0 || m.Protection() != none || m.Committed() || m.FileBacked() || m.Shared() {
		t.Error("the zero Mapping claims to be something")
	}
	l := mem.Of(&m).Limits()
	if mem.Allows(l.Readable()) || mem.Allows(l.Writable()) || mem.Allows(l.ReadOnly().Readable()) || l.Extend(0, 1) {
		t.Error("its limits allow something")
	}
	l.Lend()
	if err := l.Err(false); !errors.Is(err, typedmem.ErrClosed) {
		t.Errorf("an access to it is refused with %v", err)
	}
}

const (
	statesBegin = "<!-- states:begin -->"
	statesEnd   = "<!-- states:end -->"
)

// statesTable renders the operations for ARCHITECTURE.md.
func statesTable() string {
	short := func(err error) string {
		for name, sentinel := range map[string]error{
			"`ErrOperation`": typedmem.ErrOperation, "`ErrProtection`": typedmem.ErrProtection,
			"`ErrBusy`": typedmem.ErrBusy, "`ctx.Err()`": context.Canceled, "`ErrUnsafeFlag`": typedmem.ErrUnsafeFlag,
		} {
			if err == sentinel {
				return name
			}
		}
		return "ok"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| operation | what it does | %s | pinned | closed, spent, zero |\n", strings.Join(stateNames[:], " | "))
	fmt.Fprintf(&b, "|---|---|%s---|---|\n", strings.Repeat("---|", len(stateNames)))
	for _, op := range operations {
		fmt.Fprintf(&b, "| %s | %s |", op.name, op.does)
		for state, err := range op.live {
			cell := short(err)
			switch {
			case err == nil && op.commits && state == 0:
				cell = "committed"
			case err == nil && op.becomes != "" && state != 0:
				cell = op.becomes
			case err == nil && op.becomes != "":
				cell = op.becomes + " once committed"
			case op.without == flags.JIT && stateNames[state] == "rwx":
				cell = "—"
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		held := "as live"
		if op.pinned != op.live {
			held = short(op.pinned[1])
			if op.pinned[0] != op.pinned[1] {
				held += ", reserved: " + short(op.pinned[0])
			}
		}
		fmt.Fprintf(&b, " %s | `ErrClosed` |\n", held)
	}
	return b.String()
}

// The table in ARCHITECTURE.md is the one that the tests range over. TYPEDMEM_UPDATE=1 writes it
// there.
func TestArchitectureShowsTheTableOfStates(t *testing.T) {
	const file = "ARCHITECTURE.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), statesBegin+"\n")
	shown, after, ok2 := strings.Cut(rest, statesEnd)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no %s … %s", file, statesBegin, statesEnd)
	}
	if shown == statesTable() {
		return
	}
	if os.Getenv("TYPEDMEM_UPDATE") == "" {
		t.Fatalf("%s shows another table; TYPEDMEM_UPDATE=1 go test -run %s . writes this one:\n%s", file, t.Name(), statesTable())
	}
	testkit.Check(t, os.WriteFile(file, []byte(before+statesBegin+"\n"+statesTable()+statesEnd+after), 0o644), "write")
}
