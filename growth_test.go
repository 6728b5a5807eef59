package typedmem_test

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// A length that is extended beside a shrinking Resize never ends beyond the memory that is there.
func TestExtendBesideAShrinkStaysWithinRoom(t *testing.T) {
	m, err := options.New(4096).WithCapacity(1 << 22).MapMut()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	l, base := mem.Of(m).Limits(), m.Addr()
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
		// Extend takes back at once what it found too long, as soon as its thread runs.
		stable := false
		for end := time.Now().Add(10 * time.Second); !stable && time.Now().Before(end); runtime.Gosched() {
			stable = l.Readable() <= l.Room() && l.Writable() <= l.Room()
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

// An Extend that returns true is not undone by the Resize that is under way.
func TestExtendBesideAShrinkIsNotLost(t *testing.T) {
	for i := range 3000 {
		m := testkit.Must(options.New(8 * unit).MapMut())(t)
		l, base := mem.Of(m).Limits(), m.Addr()
		extended := make(chan bool)
		go func() {
			for l.Readable() != base+8 {
			}
			extended <- l.Extend(base+8, base+9)
		}()
		testkit.Check(t, m.Resize(8), "shrink")
		want := 8
		if <-extended {
			want = 9
		}
		if n := m.Len(); n != want {
			t.Fatalf("round %d: %d bytes, not %d", i, n, want)
		}
		testkit.Check(t, m.Close(), "close")
	}
}

// A growing caller writes first, then publishes: dropping published elements leaves those
// that are about to be published.
func TestAdviseBesideAnExtend(t *testing.T) {
	m := testkit.Must(options.New(8).MapMut())(t)
	defer m.Close()
	l, end := mem.Of(m).Limits(), m.Addr()+8
	*(*byte)(unsafe.Add(unsafe.Pointer(nil), end)) = 7
	testkit.Check(t, m.Advise(0, 8, flags.DontNeed), "advise")
	if !l.Extend(end, end+1) || m.Bytes()[8] != 7 {
		t.Error("the byte is gone")
	}
}
