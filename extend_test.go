package typedmem_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
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
