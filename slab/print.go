package slab

import (
	"fmt"
	"log/slog"

	"github.com/typedmem/typedmem/internal/printing"
)

// String returns the type of the objects, their number, the capacity and the state of the memory:
//
//	slab.Slab[main.Order](12 of 1048576 objects, Read|Write, shared file "orders.tm")
//
// For a slab that [Open] returned it leaves out the number, which would have to be counted.
func (s *Slab[T]) String() string {
	name := printing.Name[T]("slab.Slab")
	if s == nil {
		return name + "(nil)"
	}
	c := s.inner()
	state := c.pool.Limits.State()
	switch {
	case state == "closed":
		return name + "(closed)"
	case c.reads():
		return fmt.Sprintf("%s(%d slots, %s)", name, c.pool.Cap, state)
	case c.checked:
		state += ", checked"
	}
	return fmt.Sprintf("%s(%d of %d objects, %s)", name, s.Len(), c.pool.Cap, state)
}

// Format prints String under every verb of fmt.
func (s *Slab[T]) Format(f fmt.State, verb rune) { printing.Text(f, verb, s.String()) }

// LogValue makes log/slog write String, also as JSON.
func (s *Slab[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String returns the type of the objects and how many slots are parked in the cache.
func (c *Cache[T]) String() string {
	name := printing.Name[T]("slab.Cache")
	switch {
	case c == nil:
		return name + "(nil)"
	case c.k == nil:
		return name + "(closed)"
	}
	return fmt.Sprintf("%s(%d slots parked)", name, c.k.Parked())
}

// Format prints String under every verb of fmt.
func (c *Cache[T]) Format(f fmt.State, verb rune) { printing.Text(f, verb, c.String()) }

// LogValue makes log/slog write String, also as JSON.
func (c *Cache[T]) LogValue() slog.Value { return slog.StringValue(c.String()) }
