package region

import (
	"fmt"
	"log/slog"
	"unsafe"

	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
)

// String says which type the region holds, how many elements of how many, and in which state the
// memory is. It touches none:
//
//	region.Region[main.Tick](3 of 4096 elements, Read|Write, shared file "ticks.tm")
func (r *Region[T]) String() string {
	if r == nil {
		return printing.Name[T]("region.Region") + "(nil)"
	}
	if r.core == nil {
		return printing.Name[T]("region.Region") + "(closed)"
	}
	limits := r.core.inner().Limits()
	if r.core.layout.Atomic {
		limits = limits.Sealed()
	}
	state := limits.State()
	if state == "closed" {
		return printing.Name[T]("region.Region") + "(closed)"
	}
	return fmt.Sprintf("%s(%d of %d elements, %s)", printing.Name[T]("region.Region"), r.Len(), r.Cap(), state)
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
	if v.limits == nil {
		return printing.Name[T]("region.View") + "(0 elements)"
	}
	size := unsafe.Sizeof(*new(T))
	left := reachable(uintptr(v.first), size, size, v.n, v.limits.Raw())
	return fmt.Sprintf("%s(%s, %s)", printing.Name[T]("region.View"), elements(v.n, left), v.limits.State())
}

// Format prints String under every verb of fmt.
func (v View[T]) Format(s fmt.State, verb rune) { printing.Text(s, verb, v.String()) }

// LogValue makes log/slog write String, also as JSON.
func (v View[T]) LogValue() slog.Value { return slog.StringValue(v.String()) }

// String is View.String for a Strided, with the distance between two elements.
func (s Strided[T]) String() string {
	if s.limits == nil {
		return printing.Name[T]("region.Strided") + "(0 elements)"
	}
	left := reachable(uintptr(s.first), s.stride, unsafe.Sizeof(*new(T)), s.n, s.limits.Raw())
	text := elements(s.n, left)
	if s.n > 1 {
		text += fmt.Sprintf(", %d bytes apart", s.stride)
	}
	return fmt.Sprintf("%s(%s, %s)", printing.Name[T]("region.Strided"), text, s.limits.State())
}

// Format prints String under every verb of fmt.
func (s Strided[T]) Format(f fmt.State, verb rune) { printing.Text(f, verb, s.String()) }

// LogValue makes log/slog write String, also as JSON.
func (s Strided[T]) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String returns "true" or "false".
func (b Bool8) String() string { return fmt.Sprint(b.Get()) }

// LogValue makes log/slog write true or false.
func (b Bool8) LogValue() slog.Value { return slog.BoolValue(b.Get()) }

// elements says how many elements a view has, and how many of them are left where some were cut
// off.
func elements(n, left int) string {
	if left < n {
		return fmt.Sprintf("%d elements, %d of them left", n, left)
	}
	return fmt.Sprintf("%d elements", n)
}

// reachable returns how many of n elements of size bytes, stride bytes apart from first on, lie
// before the address end; all of them where that allows nothing, which the state of the memory
// explains.
func reachable(first, stride, size uintptr, n int, end uintptr) int {
	switch {
	case !mem.Allows(end) || n == 0:
		return n
	case end < first || end-first < size:
		return 0
	case n == 1:
		return 1
	}
	return min(n, int((end-first-size)/stride)+1)
}
