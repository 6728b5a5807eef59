package rows

import (
	"fmt"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/options"
)

//go:noinline
func callPlain(f func() error) error { return f() }

//go:noinline
func callRecover(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return f()
}

//go:noinline
func callMany(call func(func() error) error, f func() error, n int) error {
	for range n {
		if err := call(f); err != nil {
			return err
		}
	}
	return nil
}

func guardRows() []harness.Row {
	row := func(name string, bytes int) harness.Row {
		one := func(name, lib string, call func(func() error) error) harness.Case {
			return harness.Case{Name: name, Lib: lib, Setup: func(*harness.Env) (harness.Bench, error) {
				m, err := options.New(max(bytes, 1)).MapMut()
				if err != nil {
					return harness.Bench{}, err
				}
				words := view[uint64](m.Bytes())
				f := func() error { return nil }
				if bytes > 0 {
					f = func() error { sink += sumSlice(words); return nil }
				}
				return harness.Bench{Ops: 1000, Close: m.Close, Run: repeat(func(int) error { return callMany(call, f, 1000) })}, nil
			}}
		}
		return harness.Row{Name: name, Unit: "call", Floor: "function call", Cases: []harness.Case{
			one("function call", "", callPlain),
			one("Guard", harness.Ours, typedmem.Guard),
			one("deferred recover", "Go", callRecover),
		}}
	}
	return []harness.Row{row("guard an empty function", 0), row("guard a function that reads 4 KiB", 4096)}
}
