package main

import (
	"path/filepath"

	"github.com/typedmem/typedmem/region"
)

type typedmemTicks struct{ *region.Region[tick] }

func openTicksTypedmem(dir string, create bool) (tickStore, error) {
	path := filepath.Join(dir, "ticks.tm")
	open := region.Open[tick]
	if create {
		open = func(path string) (*region.Region[tick], error) { return region.Create[tick](path, 0) }
	}
	r, err := open(path)
	return typedmemTicks{r}, err
}

func (s typedmemTicks) Append(batch []tick) error { return s.Region.Append(batch...) }

func (s typedmemTicks) Total() (notional, volume int64, err error) {
	notional, volume = totalOf(s.Slice())
	return notional, volume, nil
}

func (s typedmemTicks) Range(from, to int64) (n, volume int64, err error) {
	n, volume = rangeOf(s.Slice(), from, to)
	return n, volume, nil
}
