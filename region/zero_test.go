package region_test

import (
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/region"
)

// Every method of a zero value or nil pointer keeps the rule in the documentation of typedmem.
func TestZeroValuesKeepTheRule(t *testing.T) {
	for _, c := range []struct {
		value any
		want  error
	}{
		{new(region.Region[int64]), typedmem.ErrClosed},
		{(*region.Region[int64])(nil), nil},
		{region.View[int64]{}, typedmem.ErrBounds},
		{region.Strided[int64]{}, typedmem.ErrBounds},
		{region.Rows[int64]{}, typedmem.ErrBounds},
	} {
		testenv.CheckZero(t, c.value, c.want)
	}
}
