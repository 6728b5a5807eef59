package slab

import (
	"runtime/debug"
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/faults"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
)

// A program that calls debug.SetPanicOnFault itself, without Guard, loses no slot to a fault.
func TestAFaultWithoutGuardLosesNothing(t *testing.T) {
	if !testenv.Child(t) { // in this process Guard was called
		return
	}
	debug.SetPanicOnFault(true)
	if faults.Caught() {
		t.Fatal("something has called Guard")
	}
	s, err := New[filledObject](100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Alloc(); err != nil {
		t.Fatal(err)
	}
	protect := func(p flags.Protection) {
		t.Helper()
		if err := sys.Protect(s.Mapping().Addr(), s.Mapping().Len(), p); err != nil {
			t.Fatal(err)
		}
	}
	fault := func(f func() (Handle[filledObject], error)) {
		defer func() {
			if recover() == nil {
				t.Error("no fault")
			}
		}()
		_, _ = f()
	}
	protect(flags.Read)
	for range 300 { // more than there are slots
		fault(s.Alloc)
		fault(func() (Handle[filledObject], error) { return s.Insert(filledObject{1}) })
	}
	protect(flags.Read | flags.Write)
	for range 99 {
		if _, err := s.Alloc(); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.allCount(); n != 100 || s.Len() != 100 {
		t.Errorf("Len %d, All yields %d", s.Len(), n)
	}
}
