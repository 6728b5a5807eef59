package region_test

import (
	"errors"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
)

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
