package typedmem_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// Every error names one operation, the one that was called, and one place.
func TestErrorsDoNotRepeatThemselves(t *testing.T) {
	inner := &typedmem.Error{Op: "make room", Addr: 0x1000, Len: 5, Err: fmt.Errorf("9 bytes: %w", typedmem.ErrCapacity)}
	for want, err := range map[string]error{
		"typedmem: sync: busy": &typedmem.Error{Op: "sync", Err: typedmem.ErrBusy},
		"typedmem: make room (5 bytes at 0x1000): 9 bytes: past the capacity":  inner,
		"typedmem: append (5 bytes at 0x1000): 9 bytes: past the capacity":     &typedmem.Error{Op: "append", Err: inner},
		"typedmem: open (5 bytes at 0x1000): a.tm: 9 bytes: past the capacity": &typedmem.Error{Op: "open", Err: printing.Named("a.tm", &typedmem.Error{Op: "map", Err: inner})},
		"typedmem: open (2 bytes at 0x20): 9 bytes: past the capacity":         &typedmem.Error{Op: "open", Addr: 0x20, Len: 2, Err: inner},
		"typedmem: close: closed":  &typedmem.Error{Op: "close", Err: &typedmem.Error{Op: "close", Addr: 0x1000, Err: typedmem.ErrClosed}},
		"typedmem: nothing: <nil>": &typedmem.Error{Op: "nothing"},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
	err := error(&typedmem.Error{Op: "append", Err: inner})
	if got := new(typedmem.Error); !errors.As(err, &got) || got.Op != "append" || !errors.As(errors.Unwrap(err), &got) || got != inner || !errors.Is(err, typedmem.ErrCapacity) {
		t.Errorf("what %v wraps has changed", err)
	}

	m, err := options.New(100).MapMut()
	testkit.Check(t, err, "MapMut")
	testkit.Check(t, m.Close(), "Close")
	r, err := region.New[uint64](3)
	testkit.Check(t, err, "New")
	long := r.Resize(r.Cap() + 1)
	testkit.Check(t, r.Close(), "Close")
	if text := long.Error(); strings.Count(text, "resize") != 1 || strings.Count(text, "typedmem") != 1 || !strings.Contains(text, "24 bytes at") {
		t.Error(text)
	}
	for want, err := range map[string]error{"typedmem: flush: closed": m.Flush(0, 0), "typedmem: close: closed": r.Close()} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %v", err, want)
		}
	}
}
