package options

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/typedmem/typedmem/internal/printing"
)

// String renders the options as the calls that make them:
//
//	options.New(4096).WithFlags(Shared|Populate).WithCapacity(65536)
func (o Options) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "options.New(%d)", o.r.Size)
	if o.r.Address != 0 {
		fmt.Fprintf(&b, ".WithAddress(%#x)", o.r.Address)
	}
	switch {
	case o.r.HasFile && o.r.File == nil:
		fmt.Fprintf(&b, ".WithFile(nil, %d)", o.r.Offset)
	case o.r.HasFile:
		fmt.Fprintf(&b, ".WithFile(%q, %d)", o.r.File.Name(), o.r.Offset)
	}
	if o.r.Name != "" {
		fmt.Fprintf(&b, ".WithName(%q)", o.r.Name)
	}
	if o.r.Flags != 0 {
		fmt.Fprintf(&b, ".WithFlags(%v)", o.r.Flags)
	}
	if o.r.Unsafe != 0 {
		fmt.Fprintf(&b, ".WithUnsafeFlags(%v)", o.r.Unsafe)
	}
	if o.r.System != 0 {
		fmt.Fprintf(&b, ".WithUnsafeSystemFlags(%#x)", o.r.System)
	}
	if o.r.PageSize != 0 {
		fmt.Fprintf(&b, ".WithPageSize(%v)", o.r.PageSize)
	}
	if o.r.Capacity != 0 {
		fmt.Fprintf(&b, ".WithCapacity(%d)", o.r.Capacity)
	}
	return b.String()
}

// Format prints String under every verb of fmt.
func (o Options) Format(s fmt.State, verb rune) { printing.Text(s, verb, o.String()) }

// LogValue makes log/slog write String, also as JSON.
func (o Options) LogValue() slog.Value { return slog.StringValue(o.String()) }
