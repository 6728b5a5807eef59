//go:build canary

package fuzz

import (
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// FuzzCanary has a planted bug, two comparisons deep. It must fail: .ci/fuzz runs it first, to
// show that the fuzzing finds such an input and that its failure is noticed.
func FuzzCanary(f *testing.F) {
	f.Add([]byte("12345678"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 2 || len(b) > 64 {
			return
		}
		r := testkit.Must(region.New[byte](len(b)))(t)
		defer r.Close()
		view := r.View()
		for i, x := range b {
			view.Set(i, x)
		}
		if view.At(0) == 'b' {
			if view.At(1) == 'g' {
				t.Fatal("the planted bug")
			}
		}
	})
}
