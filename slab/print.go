package slab

import (
	"fmt"
	"log/slog"

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
		return printing.Name[T]("slab.Slab") + "(nil)"
	}
	c := s.inner()
	state := c.pool.Limits.State()
	switch {
	case state == "closed":
		return printing.Name[T]("slab.Slab") + "(closed)"
	case c.reads():
		return fmt.Sprintf("%s(%d slots, %s)", printing.Name[T]("slab.Slab"), c.pool.Cap, state)
	case c.checked:
		state += ", checked"
	}
	return fmt.Sprintf("%s(%d of %d objects, %s)", printing.Name[T]("slab.Slab"), s.Len(), c.pool.Cap, state)
}

// Format prints String under every verb of fmt.
func (s *Slab[T]) Format(f fmt.State, verb rune) { printing.Text(f, verb, s.String()) }

// LogValue makes log/slog write String, also as JSON.
func (s *Slab[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String says how many slots are parked in the cache.
func (c *Cache[T]) String() string {
	switch {
	case c == nil:
		return printing.Name[T]("slab.Cache") + "(nil)"
	case c.k == nil:
		return printing.Name[T]("slab.Cache") + "(closed)"
	}
	return fmt.Sprintf("%s(%d slots parked)", printing.Name[T]("slab.Cache"), c.k.Parked())
}

// Format prints String under every verb of fmt.
func (c *Cache[T]) Format(f fmt.State, verb rune) { printing.Text(f, verb, c.String()) }

// LogValue makes log/slog write String, also as JSON.
func (c *Cache[T]) LogValue() slog.Value { return slog.StringValue(c.String()) }
