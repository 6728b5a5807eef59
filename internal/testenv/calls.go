package testenv

import (
	"bytes"
	"runtime"

	"github.com/typedmem/typedmem/internal/sys"
)

// InterposeHere is [sys.Interpose] for the calls that the calling goroutine makes. A test that
// counts all calls needs it: the collector releases, at any time and in goroutines of its own, the
// mappings that earlier tests dropped.
func InterposeHere(f func(sys.Call) error) (restore func()) {
	here := goroutine()
	return sys.Interpose(func(c sys.Call) error {
		if goroutine() != here {
			return nil
		}
		return f(c)
	})
}

// goroutine returns the number of the calling goroutine, which only its stack trace tells:
// "goroutine 7 [running]:".
func goroutine() string {
	var b [64]byte
	trace := b[:runtime.Stack(b[:], false)]
	return string(bytes.Fields(trace)[1])
}
