package region_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
)

// caught returns what f panics with, which has to be an *typedmem.Error; nil when f does not panic.
func caught(t *testing.T, f func()) (err error) {
	t.Helper()
	defer func() {
		t.Helper()
		switch r := recover().(type) {
		case nil:
		case *typedmem.Error:
			err = r
		default:
			t.Fatalf("panic with %T, not an *typedmem.Error: %v", r, r)
		}
	}()
	f()
	return nil
}

// wants fails unless err wraps the sentinel, is an *typedmem.Error and says all of the words; with
// a nil sentinel, unless it is nil.
func wants(t *testing.T, what string, err, sentinel error, words ...string) {
	t.Helper()
	if sentinel == nil {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return
	}
	var e *typedmem.Error
	if !errors.Is(err, sentinel) || !errors.As(err, &e) || e.Op == "" {
		t.Fatalf("%s: %T %v, want an *Error that wraps %v", what, err, err, sentinel)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Fatalf("%s: %q does not say %q", what, err, w)
		}
	}
}

// numbered makes a region whose element i is f(i).
func numbered[T any](t testing.TB, n int, f func(int) T) *region.Region[T] {
	t.Helper()
	r, err := region.New[T](n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil && !errors.Is(err, typedmem.ErrClosed) {
			t.Error(err)
		}
	})
	for i := range n {
		r.Set(i, f(i))
	}
	return r
}

const intSize = 32 << (^uint(0) >> 63)

func cond[T any](c bool, yes, no T) T {
	if c {
		return yes
	}
	return no
}
