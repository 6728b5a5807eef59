package region

import (
	"fmt"
	"log/slog"
	"unsafe"

	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
)

// String says which type the region holds, how many elements of how many, the width of rows, and in
// which state the memory is. It touches none:
//
//	region.Region[main.Tick](3 of 4096 elements, Read|Write, shared file "ticks.tm")
func (r *Region[T]) String() string {
	name := printing.Name[T]("region.Region")
	if r == nil {
		return name + "(nil)"
	}
	state := r.now().State()
	if state == "closed" {
		return name + "(closed)"
	}
	rows := ""
	if w := r.Width(); w > 1 {
		rows = fmt.Sprintf(" in rows of %d", w)
	}
	return fmt.Sprintf("%s(%d of %d elements%s, %s)", name, r.Len(), r.Cap(), rows, state)
}

// Format prints String under every verb of fmt.
func (r *Region[T]) Format(s fmt.State, verb rune) { printing.Text(s, verb, r.String()) }

// LogValue makes log/slog write String, also as JSON.
func (r *Region[T]) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String says which type the view shows, how many elements, and in which state the memory is. It
// touches none:
//
//	region.View[main.Tick](3 elements, Read, shared file "ticks.tm")
func (v View[T]) String() string {
	return Strided[T]{v.first, v.n, unsafe.Sizeof(*new(T)), v.limits}.describe("region.View", "")
}

// Format prints String under every verb of fmt.
func (v View[T]) Format(s fmt.State, verb rune) { printing.Text(s, verb, v.String()) }

// LogValue makes log/slog write String, also as JSON.
func (v View[T]) LogValue() slog.Value { return slog.StringValue(v.String()) }

// String is View.String for a Strided, with the distance between two elements.
func (s Strided[T]) String() string {
	apart := ""
	if s.n > 1 {
		apart = fmt.Sprintf(", %d bytes apart", s.stride)
	}
	return s.describe("region.Strided", apart)
}

// Format prints String under every verb of fmt.
func (s Strided[T]) Format(f fmt.State, verb rune) { printing.Text(f, verb, s.String()) }

// LogValue makes log/slog write String, also as JSON.
func (s Strided[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String is View.String for Rows:
//
//	region.Rows[float32](200000 rows of 384 elements, Read, shared file "vectors.tm")
func (r Rows[T]) String() string {
	name := printing.Name[T]("region.Rows")
	if r.limits == nil {
		return name + "(0 rows)"
	}
	cut := ""
	if left := r.reachable(); left < r.n {
		cut = fmt.Sprintf(", %d of them left", left)
	}
	return fmt.Sprintf("%s(%d rows of %d elements%s, %s)", name, r.n, r.width, cut, r.limits.State())
}

// Format prints String under every verb of fmt.
func (r Rows[T]) Format(f fmt.State, verb rune) { printing.Text(f, verb, r.String()) }

// LogValue makes log/slog write String, also as JSON.
func (r Rows[T]) LogValue() slog.Value { return slog.StringValue(r.String()) }

// reachable returns how many rows lie whole before the readable end, as Strided.reachable does.
func (r Rows[T]) reachable() int {
	if r.n == 0 {
		return 0
	}
	return r.Col(r.width - 1).reachable()
}

// String returns "true" or "false".
func (b Bool8) String() string { return fmt.Sprint(b.Get()) }

// LogValue makes log/slog write true or false.
func (b Bool8) LogValue() slog.Value { return slog.BoolValue(b.Get()) }

// describe says how many elements a view of the named type has, and how many of them are left if
// some were cut off.
func (s Strided[T]) describe(generic, apart string) string {
	name := printing.Name[T](generic)
	if s.limits == nil {
		return name + "(0 elements)"
	}
	cut := ""
	if left := s.reachable(); left < s.n {
		cut = fmt.Sprintf(", %d of them left", left)
	}
	return fmt.Sprintf("%s(%d elements%s%s, %s)", name, s.n, cut, apart, s.limits.State())
}

// reachable returns how many elements lie before the readable end; all of them if nothing is
// readable, which the state of the memory explains.
func (s Strided[T]) reachable() int {
	end, first, size := s.limits.Raw(), uintptr(s.first), unsafe.Sizeof(*new(T))
	switch {
	case !mem.Allows(end) || s.n == 0:
		return s.n
	case end < first || end-first < size:
		return 0
	case s.n == 1:
		return 1
	}
	return min(s.n, int((end-first-size)/s.stride)+1)
}
