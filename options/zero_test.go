package options_test

import (
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/options"
)

// Every method of a zero value or nil pointer keeps the rule in the documentation of typedmem.
func TestZeroValuesKeepTheRule(t *testing.T) {
	for _, c := range []struct {
		value any
		want  error
	}{
		{options.Options{}, typedmem.ErrSize},
	} {
		testenv.CheckZero(t, c.value, c.want)
	}
}
