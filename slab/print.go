package slab

import (
	"fmt"
	"log/slog"
	"reflect"

	"github.com/typedmem/typedmem/internal/printing"
)

// String says which type the slab holds, how many objects of how many, and in which state the
// memory is:
//
//	slab.Slab[main.Order](12 of 1048576 objects, Read|Write, shared file "orders.tm")
//
// Of a slab that Open made it gives the capacity only, since its objects would have to be counted.
func (s *Slab[T]) String() string {
	if s == nil {
		return name[T]("Slab") + "(nil)"
	}
	c := s.inner()
	state := c.limits.State()
	switch {
	case state == "closed":
		return name[T]("Slab") + "(closed)"
	case c.file != nil && !c.file.writer:
		return fmt.Sprintf("%s(%d slots, %s)", name[T]("Slab"), c.n, state)
	case c.care != nil:
		state += ", checked"
	}
	return fmt.Sprintf("%s(%d of %d objects, %s)", name[T]("Slab"), s.Len(), c.n, state)
}

// Format prints String under every verb of fmt.
func (s *Slab[T]) Format(f fmt.State, verb rune) { printing.Text(f, verb, s.String()) }

// LogValue has log/slog write String, as JSON too.
func (s *Slab[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String says how many slots are parked in the cache.
func (c *Cache[T]) String() string {
	switch {
	case c == nil:
		return name[T]("Cache") + "(nil)"
	case c.k == nil:
		return name[T]("Cache") + "(closed)"
	}
	return fmt.Sprintf("%s(%d slots parked)", name[T]("Cache"), c.k.parked())
}

// Format prints String under every verb of fmt.
func (c *Cache[T]) Format(f fmt.State, verb rune) { printing.Text(f, verb, c.String()) }

// LogValue has log/slog write String, as JSON too.
func (c *Cache[T]) LogValue() slog.Value { return slog.StringValue(c.String()) }

// name returns a type of this package as Go names it, without the path of T's package.
func name[T any](of string) string {
	return fmt.Sprintf("slab.%s[%v]", of, reflect.TypeFor[T]())
}
