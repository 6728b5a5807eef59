package slab

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/slots"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
)

// A Store that gets as far as the end of a page, and there finds no space, puts back what it has
// changed. The limit of file sizes stands for the disk, and its signal is for this process: a
// child.
func TestStoreThatFailsHalfwayChangesNothing(t *testing.T) {
	testenv.FaultAddresses(t)
	if !testenv.Child(t) {
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	type object [375]uint64
	s, err := Create[object](filepath.Join(t.TempDir(), "s"), 1000)
	if err != nil {
		t.Fatal(err)
	}
	s.core.mayLackSpace = true // whatever the file system is
	page := os.Getpagesize()
	over := page / 3000 // the slot that reaches into the second page
	var h Handle[object]
	for slots.Index(h.Bits) != uint32(over) || h.IsZero() {
		if h, err = s.Insert(object{0: 1, 374: 2}); err != nil {
			t.Fatal(err)
		}
	}
	protect := func(p flags.Protection) {
		if err := sys.Protect(uintptr(s.slots)+uintptr(page), page, p); err != nil {
			t.Fatal(err)
		}
	}
	limit := func(n uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: ^uint64(0)}); err != nil {
			t.Fatal(err)
		}
	}
	protect(flags.Read)
	limit(uint64(container.WordsEnd(1000)) + uint64(page))
	var x object
	for i := range x {
		x[i] = 9
	}
	err = s.Store(h, x)
	limit(^uint64(0))
	protect(flags.Read | flags.Write)
	if !sys.OutOfSpace(err) {
		t.Fatalf("a Store without space for its second page: %v", err)
	}
	if y, err := s.Load(h); err != nil || y != (object{0: 1, 374: 2}) {
		t.Errorf("the object is %v, %v", y, err)
	}
	if err := s.Store(h, x); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
