package slab_test

import (
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/slab"
)

// Every method of a zero value or nil pointer keeps the rule in the documentation of typedmem.
func TestZeroValuesKeepTheRule(t *testing.T) {
	for _, c := range []struct {
		value any
		want  error
	}{
		{new(slab.Slab[int64]), typedmem.ErrClosed},
		{(*slab.Slab[int64])(nil), nil},
		{new(slab.Cache[int64]), typedmem.ErrClosed},
		{(*slab.Cache[int64])(nil), nil},
		{slab.Handle[int64]{}, nil},
	} {
		testenv.CheckZero(t, c.value, c.want)
	}
}
