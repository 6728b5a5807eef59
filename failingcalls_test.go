package typedmem_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

var errInjected = errors.New("injected")

// failing has the k-th system call fail from now on, counted from 0; a negative k lets all succeed.
// count tells how many there were.
func failing(k int) (count func() int, restore func()) {
	n := 0
	restore = testenv.InterposeHere(func(c sys.Call) error {
		if c.Op == sys.OpAreas {
			return nil
		}
		n++
		if n-1 == k {
			return fmt.Errorf("%v: %w", c.Op, errInjected)
		}
		return nil
	})
	return func() int { return n }, restore
}

// trial is an operation that is tried with each of its system calls failing.
type trial struct {
	name string
	// prepare makes what the operation works on, nil for a constructor.
	prepare func(t *testing.T, f *os.File) *typedmem.Mapping
	run     func(m *typedmem.Mapping, f *os.File) (made *typedmem.Mapping, err error)
	absorbs bool // some calls may fail without harm: there is another way, or they are tried again later
}

func trials() []trial {
	var list []trial
	shared := flags.Shared
	for _, term := range terminals {
		everything := flags.Advice | flags.Populate | flags.Stack | flags.NoReserve
		if term.protected != none {
			everything |= flags.Locked
		}
		for name, o := range map[string]func(f *os.File) options.Options{
			"anonymous":       func(*os.File) options.Options { return options.New(5 * unit) },
			"with every flag": func(*os.File) options.Options { return options.New(5 * unit).WithFlags(everything) },
			"with capacity":   func(*os.File) options.Options { return options.New(5 * unit).WithCapacity(9 * unit) },
			"file":            func(f *os.File) options.Options { return options.New(5*unit).WithFile(f, 3).WithFlags(shared) },
			"file with all of that": func(f *os.File) options.Options {
				return options.New(5*unit).WithFile(f, 3).WithFlags(shared | everything).WithCapacity(9 * unit)
			},
		} {
			list = append(list, trial{name: term.name + "/" + name, run: func(_ *typedmem.Mapping, f *os.File) (*typedmem.Mapping, error) {
				return term.make(o(f).WithUnsafeFlags(flags.JIT))
			}})
		}
	}
	if sizes, err := options.PageSizes(); err == nil && sizes.Has(flags.Page2M) && runtime.GOOS == "linux" && testenv.Emulator() == "" {
		// A range that is aligned for huge pages is cut out of a larger one.
		list = append(list, trial{name: "ReserveMut/aligned", run: func(_ *typedmem.Mapping, f *os.File) (*typedmem.Mapping, error) {
			return options.New(unit).WithPageSize(flags.Page2M).WithFlags(flags.NoReserve).ReserveMut()
		}})
	}
	prepared := map[string]func(f *os.File) (*typedmem.Mapping, error){
		"anonymous": func(*os.File) (*typedmem.Mapping, error) {
			return options.New(5 * unit).WithCapacity(64 * unit).MapMut()
		},
		"locked": func(*os.File) (*typedmem.Mapping, error) {
			return options.New(5 * unit).WithCapacity(64 * unit).WithFlags(flags.Locked | flags.NoCoreDump).MapMut()
		},
		"file": func(f *os.File) (*typedmem.Mapping, error) {
			return options.New(5*unit).WithCapacity(64*unit).WithFile(f, 3).WithFlags(flags.Shared).MapMut()
		},
		"reserved": func(*os.File) (*typedmem.Mapping, error) { return options.New(5 * unit).ReserveMut() },
		"reserved file": func(f *os.File) (*typedmem.Mapping, error) {
			return options.New(5*unit).WithFile(f, 3).WithFlags(flags.Shared | flags.Locked).ReserveMut()
		},
	}
	for kind, make := range prepared {
		prepare := func(t *testing.T, f *os.File) *typedmem.Mapping { return testkit.Must(make(f))(t) }
		for name, do := range map[string]func(m *typedmem.Mapping) error{
			"Commit":                (*typedmem.Mapping).Commit,
			"MakeNone":              (*typedmem.Mapping).MakeNone,
			"MakeReadOnly":          (*typedmem.Mapping).MakeReadOnly,
			"MakeMut":               (*typedmem.Mapping).MakeMut,
			"MakeExec":              (*typedmem.Mapping).MakeExec,
			"MakeExecNoFlush":       (*typedmem.Mapping).MakeExecNoFlush,
			"Lock":                  (*typedmem.Mapping).Lock,
			"Unlock":                (*typedmem.Mapping).Unlock,
			"Flush":                 func(m *typedmem.Mapping) error { return m.Flush(1, unit) },
			"FlushAsync":            func(m *typedmem.Mapping) error { return m.FlushAsync(1, unit) },
			"FlushInstructionCache": (*typedmem.Mapping).FlushInstructionCache,
			"Advise":                func(m *typedmem.Mapping) error { return m.Advise(1, unit+1, flags.Advice&^flags.DontNeed) },
			"Prefault":              func(m *typedmem.Mapping) error { return m.Prefault(1, 2*unit) },
			"Prefetch":              func(m *typedmem.Mapping) error { return m.Prefetch(1, 2*unit) },
			"Resident":              func(m *typedmem.Mapping) error { _, err := m.Resident(1, 2*unit); return err },
			"Fetch":                 func(m *typedmem.Mapping) error { return mem.Of(m).Fetch(ranges(m, 0, 2), false) },
			"Fetch of all":          func(m *typedmem.Mapping) error { return mem.Of(m).Fetch(ranges(m, 0, 2), true) },
			"Resize, longer":        func(m *typedmem.Mapping) error { return m.Resize(8*unit + 5) },
			"Resize, shorter":       func(m *typedmem.Mapping) error { return m.Resize(2*unit + 5) },
			"MakeRoom":              func(m *typedmem.Mapping) error { return mem.Of(m).MakeRoom(8*unit + 5) },
			"Close":                 (*typedmem.Mapping).Close,
		} {
			absorbs := name == "Resize, longer" || name == "MakeRoom" || name == "Close" && kind != "reserved" && kind != "reserved file"
			list = append(list, trial{name + "/" + kind, prepare, func(m *typedmem.Mapping, _ *os.File) (*typedmem.Mapping, error) { return nil, do(m) }, absorbs})
		}
		list = append(list,
			trial{"SplitOff/" + kind, prepare, func(m *typedmem.Mapping, _ *os.File) (*typedmem.Mapping, error) {
				return m.SplitOff(2*unit - int(m.Addr()%uintptr(unit)))
			}, false},
		)
	}
	return list
}

// Each system call of each operation fails in turn. Afterwards the process has the same areas and
// files as before, and the mapping is what it was: length, protection, contents, limits, and the
// file it shows.
func TestEachSystemCallFails(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the collector would give back addresses meanwhile
	defer typedmem.CollectNothing()()
	for quiet := 0; quiet < 3; quiet++ { // what it found before is given back in a goroutine of its own
		count, restore := failing(-1)
		time.Sleep(10 * time.Millisecond)
		restore()
		if count() > 0 {
			quiet = -1
		}
	}
	calls := 0
	for _, tr := range trials() {
		t.Run(tr.name, func(t *testing.T) {
			for k := 0; ; k++ {
				more, changed := fails(t, tr, k)
				for try := 0; changed != "" && try < 3; try++ { // the Go runtime maps memory too, but not each time
					more, changed = fails(t, tr, k)
				}
				if changed != "" {
					t.Errorf("call %d: the process has changed: %s", k, changed)
				}
				if !more {
					if k == 0 && tr.prepare == nil {
						t.Error("no system call was seen")
					}
					return
				}
				calls++
			}
		})
	}
	t.Logf("%d system calls failed", calls)
}

// fails tries tr with the k-th call failing; more is false when there are not so many. changed
// tells what the process has now and had not before, or the other way round.
func fails(t *testing.T, tr trial, k int) (more bool, changed string) {
	t.Helper()
	f := testkit.File(t, pattern(5*unit+3+unit))
	var m *typedmem.Mapping
	var was snapshot
	if tr.prepare != nil {
		m = tr.prepare(t, f)
		defer m.Close()
		if m.Committed() && !m.FileBacked() {
			copy(m.Bytes(), pattern(m.Len()))
		}
		was = look(m)
	}
	file := contents(t, f)
	before := process(t)
	count, restore := failing(k)
	made, err := tr.run(m, f)
	restore()
	if made != nil {
		defer made.Close()
	}
	if count() <= k {
		if err != nil && !errors.Is(err, typedmem.ErrOperation) && !errors.Is(err, typedmem.ErrProtection) && !errors.Is(err, errors.ErrUnsupported) && !refusedHere(err) {
			t.Errorf("without a failing call: %v", err)
		}
		return false, ""
	}
	if err == nil {
		if !tr.absorbs {
			t.Errorf("call %d failed, the operation did not", k)
		}
		return true, ""
	}
	if !errors.Is(err, errInjected) {
		t.Errorf("call %d: %v does not wrap the system's error", k, err)
	}
	var e *typedmem.Error
	if !errors.As(err, &e) {
		t.Errorf("call %d: %T", k, err)
	}
	if made != nil {
		t.Errorf("call %d: a mapping and an error", k)
	}
	changed = before.differs(process(t))
	if now := contents(t, f); len(now) != len(file) {
		t.Errorf("call %d: the file has %d bytes, %d before", k, len(now), len(file))
	}
	if m != nil {
		if now := look(m); now != was {
			t.Errorf("call %d: the mapping was %v and is %v", k, was, now)
		}
		works(t, m)
	}
	return true, changed
}

// snapshot is all that can be seen of a mapping.
type snapshot struct {
	addr               uintptr
	length, capacity   int
	protection         flags.Protection
	committed          bool
	readable, writable uintptr
	contents           string
}

func look(m *typedmem.Mapping) snapshot {
	l := mem.Of(m).Limits()
	s := snapshot{m.Addr(), m.Len(), m.Cap(), m.Protection(), m.Committed(), l.Readable(), l.Writable(), ""}
	if b, err := raw(m); err == nil {
		s.contents = string(b)
	}
	return s
}

func (s snapshot) String() string {
	return fmt.Sprintf("%#x: %d of %d bytes, %v, committed %v, limits %#x %#x", s.addr, s.length, s.capacity, s.protection, s.committed, s.readable, s.writable)
}

// works goes through the life of a mapping.
func works(t *testing.T, m *typedmem.Mapping) {
	t.Helper()
	n := m.Len()
	testkit.Check(t, m.Commit(), "afterwards: commit")
	testkit.Check(t, m.MakeMut(), "afterwards: MakeMut")
	b := m.Bytes()
	if len(b) != n {
		t.Errorf("afterwards: %d bytes, want %d", len(b), n)
	}
	b[0]++
	b[n-1]++
	if c := m.Cap(); c > n {
		testkit.Check(t, m.Resize(n+1), "afterwards: resize")
		m.Bytes()[n] = 1
	}
	testkit.Check(t, m.Flush(0, n), "afterwards: flush")
	testkit.Check(t, m.Close(), "afterwards: close")
}
