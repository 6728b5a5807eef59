package typedmem_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/options"
)

// A length that is extended beside a shrinking Resize never ends beyond the memory that is there.
func TestExtendBesideAShrinkStaysWithinRoom(t *testing.T) {
	m, err := options.New(4096).WithCapacity(1 << 22).MapMut()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	l, base := m.Limits(), m.Addr()
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			l.Extend(base+4096, base+1<<16)
		}
	}()
	for i := range 20_000 {
		if err := errors.Join(m.Resize(1<<17), m.Resize(4096)); err != nil {
			t.Fatal(err)
		}
		stable := false
		for range 1000 { // Extend takes back at once what it found too long
			if stable = l.Readable() <= l.Room() && l.Writable() <= l.Room(); stable {
				break
			}
		}
		if !stable {
			t.Fatalf("round %d: readable are %d bytes, writable %d, there is room for %d", i, l.Readable()-base, l.Writable()-base, l.Room()-base)
		}
	}
	stop.Store(true)
	<-done
	if r, w := l.Readable(), l.Writable(); r != w {
		t.Fatalf("in the end readable are %d bytes, writable %d", r-base, w-base)
	}
}

// What would change the whole of a mapping is refused when another mapping has taken a part of its addresses over.
func TestWhatWasTakenOverIsLeftAlone(t *testing.T) {
	deviant(t, map[string]string{"windows": "there is no MAP_FIXED"})
	for _, f := range []flags.Map{0, flags.Shared} {
		page, _ := options.PageSize()
		reserved, err := options.New(64 * page).WithFlags(f).ReserveMut()
		if err != nil {
			t.Fatal(err)
		}
		part, err := options.New(page).WithAddress(reserved.Addr() + uintptr(2*page)).WithUnsafeFlags(flags.Fixed).MapMut()
		if err != nil {
			t.Fatal(err)
		}
		part.Bytes()[0] = 9
		if err := reserved.Commit(); !errors.Is(err, typedmem.ErrOperation) {
			t.Errorf("commit: %v", err)
		}
		whole, err := options.New(64 * page).WithFlags(f).MapMut()
		if err != nil {
			t.Fatal(err)
		}
		middle, err := options.New(page).WithAddress(whole.Addr() + uintptr(2*page)).WithUnsafeFlags(flags.Fixed).MapMut()
		if err != nil {
			t.Fatal(err)
		}
		middle.Bytes()[0] = 9
		for name, err := range map[string]error{"make none": whole.MakeNone(), "make read-only": whole.MakeReadOnly(), "drop": whole.Advise(0, 64*page, flags.DontNeed)} {
			if !errors.Is(err, typedmem.ErrOperation) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := whole.Advise(0, 2*page, flags.DontNeed); err != nil {
			t.Errorf("drop what was not taken: %v", err)
		}
		if a, b := part.Bytes()[0], middle.Bytes()[0]; a != 9 || b != 9 {
			t.Errorf("the parts hold %d and %d", a, b)
		}
		for _, m := range []*typedmem.Mapping{reserved, part, whole, middle} {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Once the memory before a hole is given back the operation ends as promised, whatever the system says of the memory behind it.
func TestRefusalBehindAHole(t *testing.T) {
	deviant(t, map[string]string{"windows": "there is no MAP_FIXED"})
	for name, do := range map[string]func(m *typedmem.Mapping) error{
		"Close":  (*typedmem.Mapping).Close,
		"Resize": func(m *typedmem.Mapping) error { return m.Resize(unit) },
	} {
		t.Run(name, func(t *testing.T) {
			m := must[*typedmem.Mapping](t)(options.New(8 * unit).MapMut())
			defer m.Close()
			hole := must[*typedmem.Mapping](t)(options.New(unit).WithAddress(m.Addr() + uintptr(4*unit)).WithUnsafeFlags(flags.Fixed).MapMut())
			defer hole.Close()
			holds := 0
			refuse := func(nth int) (restore func()) {
				holds = 0
				return sys.Interpose(func(c sys.Call) error {
					if c.Op == sys.OpHold {
						if holds++; holds == nth {
							return errInjected
						}
					}
					return nil
				})
			}
			m.Bytes()[0], m.Bytes()[3*unit], m.Bytes()[7*unit] = 1, 2, 3
			restore := refuse(1)
			err := do(m)
			restore()
			if !errors.Is(err, errInjected) || m.Len() != 8*unit || m.Bytes()[3*unit] != 2 || m.Bytes()[7*unit] != 3 {
				t.Fatalf("the first call refused: %v, %d bytes", err, m.Len())
			}
			restore = refuse(2)
			err = do(m)
			restore()
			if holds != 2 {
				t.Fatalf("%d calls", holds)
			}
			if want := map[string]int{"Close": 0, "Resize": unit}[name]; err != nil || m.Len() != want {
				t.Fatalf("the second call refused: %v, %d bytes are left", err, m.Len())
			}
			if hole.Bytes()[0] != 0 {
				t.Error("the hole changed")
			}
		})
	}
}
