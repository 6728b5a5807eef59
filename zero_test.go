package typedmem_test

import (
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
)

// Every method of a zero value or nil pointer keeps the rule in the documentation of typedmem.
func TestZeroValuesKeepTheRule(t *testing.T) {
	for _, c := range []struct {
		value any
		want  error
	}{
		{new(typedmem.Mapping), typedmem.ErrClosed},
		{(*typedmem.Mapping)(nil), nil},
		{typedmem.Area{}, nil},
	} {
		testenv.CheckZero(t, c.value, c.want)
	}
}
