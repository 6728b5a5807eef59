// The inline program calls each accessor. The tests of package region ask the compiler what it
// inlines here.
package main

import "github.com/typedmem/typedmem/region"

type wide struct{ A, B, C, D uint64 }

func use[T any](T, error) {}

func main() {
	calls(must(region.New[uint64](2)), 1)
	wideCalls(must(region.New[wide](2)), wide{})
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

func calls(r *region.Region[uint64], x uint64) {
	v := r.View()
	s := must(v.Every(0, 2, 1))
	r.Set(0, r.At(0))
	v.Set(0, v.At(0))
	s.Set(0, s.At(0))
	use(r.Load(0))
	use(v.Load(0))
	use(s.Load(0))
	use(0, r.Store(0, x))
	use(0, v.Store(0, x))
	use(0, s.Store(0, x))
	rows := must(region.RowsOf(v, 2))
	rows.Set(0, 1, rows.At(0, 1))
	use(rows.Load(0, 1))
	use(0, rows.Store(0, 1, x))
	use(rows.Row(0), nil)
}

func wideCalls(r *region.Region[wide], x wide) {
	v := r.View()
	s := must(v.Every(0, 2, 1))
	r.Set(0, r.At(0))
	v.Set(0, v.At(0))
	s.Set(0, s.At(0))
	use(r.Load(0))
	use(v.Load(0))
	use(s.Load(0))
	use(0, r.Store(0, x))
	use(0, v.Store(0, x))
	use(0, s.Store(0, x))
	rows := must(region.RowsOf(v, 2))
	rows.Set(0, 1, rows.At(0, 1))
	use(rows.Load(0, 1))
	use(0, rows.Store(0, 1, x))
	use(rows.Row(0), nil)
}
