//go:build unix

package region_test

import (
	"errors"
	"os"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
)

// Under a Guard a file that was cut off is an error that names the mapping in which it was found,
// also where the reader has moved on from that.
func TestGuardKnowsTheRangesOfAReader(t *testing.T) {
	testenv.FaultAddresses(t)
	w, r := follower(t, 10_000)
	first, before := r.Mapping(), look(t, r)
	outgrow(t, w, r)
	second, between := r.Mapping(), look(t, r)
	outgrow(t, w, r)
	if err := os.Truncate(first.File(), 1<<16); err != nil {
		t.Fatal(err)
	}
	for m, read := range map[*typedmem.Mapping]func() uint64{
		first:       func() uint64 { return before.view.At(9000) },
		second:      func() uint64 { return between.every.At(3000) },
		r.Mapping(): func() uint64 { return r.At(9000) },
	} {
		err := typedmem.Guard(func() error { _ = read(); return nil })
		var fault *typedmem.FaultError
		if !errors.As(err, &fault) || !errors.Is(err, typedmem.ErrTruncated) || fault.Mapping != m || fault.Offset/8>>9 != 9000>>9 {
			t.Errorf("%v of %v, want %v", err, fault, m)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, typedmem.ErrTruncated) {
		t.Fatal(err)
	}
}
