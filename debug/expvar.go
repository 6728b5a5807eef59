package debug

import (
	"expvar"

	"github.com/typedmem/typedmem"
)

func init() { expvar.Publish("typedmem", expvar.Func(func() any { return typedmem.ReadStats() })) }
