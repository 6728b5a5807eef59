//go:build linux

package main

import (
	"errors"
	"iter"

	"github.com/typedmem/typedmem/region"
)

var errLacks = errors.New("this revision of the library lacks the method")

// gather calls View.Gather where the library has it.
func gather[T any](v region.View[T], dst []T, indexes []int) error {
	if g, ok := any(v).(interface{ Gather([]T, []int) error }); ok {
		return g.Gather(dst, indexes)
	}
	return errLacks
}

// stream calls View.Stream where the library has it.
func stream[T any](v region.View[T], n int) iter.Seq2[region.View[T], error] {
	if s, ok := any(v).(interface {
		Stream(int) iter.Seq2[region.View[T], error]
	}); ok {
		return s.Stream(n)
	}
	return func(yield func(region.View[T], error) bool) { yield(v, errLacks) }
}
