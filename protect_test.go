package typedmem_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// change is one of the six protection changes.
type change struct {
	name string
	to   flags.Protection
	do   func(*typedmem.Mapping) error
}

var changes = []change{
	{"MakeNone", none, (*typedmem.Mapping).MakeNone},
	{"MakeReadOnly", read, (*typedmem.Mapping).MakeReadOnly},
	{"MakeMut", mut, (*typedmem.Mapping).MakeMut},
	{"MakeExec", exec, (*typedmem.Mapping).MakeExec},
	{"MakeExecNoFlush", exec, (*typedmem.Mapping).MakeExecNoFlush},
	{"MakeExecMut", execMut, (*typedmem.Mapping).MakeExecMut},
}

// Every change from every protection: what the mapping says, what its limits say and what the
// memory really does agree, contents stay.
func TestEachChangeOfProtection(t *testing.T) {
	for _, from := range changes {
		for _, to := range changes {
			t.Run(from.name+"/"+to.name, func(t *testing.T) {
				if from.to == execMut || to.to == execMut {
					testenv.Differs(t, wxRefused)
				}
				n := 2*unit - 9
				m := mapMut(t, options.New(n).WithUnsafeFlags(flags.JIT))
				b := m.Bytes()
				copy(b, pattern(n))
				testkit.Check(t, from.do(m), from.name)
				testkit.Check(t, to.do(m), to.name)
				if m.Protection() != to.to || m.Len() != n {
					t.Errorf("protection %v, length %d", m.Protection(), m.Len())
				}
				for _, i := range []int{0, n - 1} {
					if r, w := accessible(m, b, i); r != to.to.Has(read) || w != to.to.Has(mut) {
						t.Errorf("byte %d with %v: really readable %v, writable %v", i, to.to, r, w)
					}
				}
				limits := mem.Of(m).Limits()
				if (limits.Readable() == m.Addr()+uintptr(n)) != to.to.Has(read) || mem.Allows(limits.Writable()) != to.to.Has(mut) {
					t.Errorf("limits with %v: readable %#x, writable %#x", to.to, limits.Readable(), limits.Writable())
				}
				if ro := limits.ReadOnly(); mem.Allows(ro.Readable()) != to.to.Has(read) || mem.Allows(ro.Writable()) {
					t.Errorf("read-only limits with %v: readable %#x, writable %#x", to.to, ro.Readable(), ro.Writable())
				}
				testkit.Check(t, m.MakeReadOnly(), "MakeReadOnly")
				same(t, "contents", m.Bytes(), pattern(n))
			})
		}
	}
}

// Make* of a reserved range sets what Commit will give, and never commits.
func TestProtectionOfAReservedRange(t *testing.T) {
	for _, to := range changes {
		if to.to == execMut {
			continue
		}
		m := testkit.Must(options.New(unit).ReserveNone())(t)
		testkit.CloseLater(t, m)
		testkit.Check(t, to.do(m), to.name)
		if m.Committed() || !inaccessible(t, m.Addr()) || m.Protection() != to.to {
			t.Errorf("%s: committed %v, protection %v", to.name, m.Committed(), m.Protection())
		}
		testkit.Check(t, m.Commit(), "commit")
		a, ok := areaAt(t, m.Addr())
		if !ok && to.to == none && testenv.Emulator() == "qemu-user" {
			continue // qemu lists no inaccessible memory to 32-bit programs
		}
		if !ok || a.Protection != to.to {
			t.Errorf("%s, then Commit: the system says %v", to.name, a.Protection)
		}
	}
}

// A refused change leaves the memory, the mapping and its limits as they were.
func TestRefusedProtectionChange(t *testing.T) {
	f := testkit.File(t, pattern(2*unit))
	readOnly := testkit.Must(os.Open(f.Name()))(t)
	defer readOnly.Close()
	m := testkit.Must(options.New(2*unit).WithFile(readOnly, 0).WithFlags(flags.Shared).Map())(t)
	testkit.CloseLater(t, m)
	b := m.Bytes()
	if err := m.MakeMut(); err == nil {
		t.Fatal("a shared mapping of a file that was opened read-only became writable")
	}
	if r, w := accessible(m, b, 0); m.Protection() != read || !r || w || mem.Allows(mem.Of(m).Limits().Writable()) {
		t.Errorf("protection %v, really readable %v, writable %v", m.Protection(), r, w)
	}
	same(t, "contents", m.Bytes(), pattern(2*unit))
	testkit.Check(t, m.MakeNone(), "MakeNone")
	if err := m.MakeMut(); err == nil {
		t.Fatal("became writable")
	}
	if r, _ := accessible(m, b, 0); m.Protection() != none || r {
		t.Errorf("protection %v, really readable %v", m.Protection(), r)
	}
}

// A change that the system carries out for the first part of a merged mapping and refuses for the
// second is put back.
func TestProtectionChangeThatFailsHalfWay(t *testing.T) {
	testenv.Differs(t, map[string]string{"windows": "views are never neighbours at consecutive offsets by chance; see its own tests"})
	f := testkit.File(t, pattern(2*unit))
	readOnly := testkit.Must(os.Open(f.Name()))(t)
	defer readOnly.Close()
	space := testkit.Must(options.New(2 * unit).ReserveNone())(t)
	defer space.Close()
	var parts []*typedmem.Mapping
	for i, file := range []*os.File{f, readOnly} {
		o := options.New(unit).WithFile(file, int64(i*unit)).WithFlags(flags.Shared)
		m := testkit.Must(o.WithAddress(space.Addr() + uintptr(i*unit)).WithUnsafeFlags(flags.Fixed).Map())(t)
		testkit.CloseLater(t, m)
		parts = append(parts, m)
	}
	m := parts[0]
	testkit.Check(t, m.Merge(parts[1]), "merge")
	b := m.Bytes()
	if err := m.MakeMut(); err == nil {
		t.Fatal("the part of the file that was opened read-only became writable")
	}
	for _, i := range []int{0, unit} {
		if r, w := accessible(m, b, i); !r || w {
			t.Errorf("byte %d: readable %v, writable %v after the refusal", i, r, w)
		}
	}
	if m.Protection() != read {
		t.Errorf("protection %v", m.Protection())
	}
}

// The limits of a view follow its mapping through every change of protection.
func TestRefusalsNameTheReason(t *testing.T) {
	m := mapMut(t, options.New(unit))
	limits := mem.Of(m).Limits()
	end := m.Addr() + uintptr(unit)
	for _, c := range []struct {
		name  string
		do    func() error
		write bool
		want  error
	}{
		{"read-only", m.MakeReadOnly, true, typedmem.ErrProtection},
		{"none", m.MakeNone, false, typedmem.ErrProtection},
		{"shrunk", func() error { return firstError(m.MakeMut(), m.Resize(5)) }, false, typedmem.ErrBounds},
		{"closed", m.Close, false, typedmem.ErrClosed},
	} {
		testkit.Check(t, c.do(), c.name)
		if err := refusalOf(limits, end, c.write); err == nil || fmt.Sprint(err) == "" {
			t.Errorf("%s: no reason", c.name)
		} else {
			testkit.Is(t, err, c.want, c.name)
		}
	}
}

// refusalOf returns the error of an access to memory up to the address end.
func refusalOf(l *mem.Limits, end uintptr, write bool) error {
	limit := l.Readable()
	if write {
		limit = l.Writable()
	}
	if end <= limit {
		return nil
	}
	return mem.Refusal(limit)
}
