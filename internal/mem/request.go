package mem

import (
	"os"

	"github.com/typedmem/typedmem/flags"
)

// Request says what Map is to make. Package options builds it; its methods say what each field
// means.
type Request struct {
	Size       int      // bytes; negative stands for a size that overflowed while it was computed
	Capacity   int      // bytes of address space to reserve for growth in place, 0 for Size
	Address    uintptr  // where to place the mapping, a hint unless Unsafe has flags.Fixed; 0 for anywhere
	File       *os.File // what to map, nil for anonymous memory
	HasFile    bool     // WithFile was called, be File nil or not
	Offset     int64    // bytes from the start of the file to the first byte
	Flags      flags.Map
	Unsafe     flags.Unsafe
	System     uintptr          // flags of the system's own mapping call
	PageSize   flags.PageSize   // 0 for the usual one
	Protection flags.Protection // of the memory, for Reserve once it is committed
	Reserve    bool             // address space only, until Commit
	Elastic    bool             // Capacity is the least that is needed: reserve more, as much as suits the process
	Follows    bool             // Elastic is modest: Larger takes over when the file has outgrown the mapping
	LeaveFile  bool             // Close leaves a file as long as growth has made it: the caller sees to that
	WithinFile bool             // refuse a range that reaches past the end of the file
	// FileOwner, where it is not nil, is asked for a share of File in place of a duplicate where
	// the mapping needs it later. done gives up the share: until then File stays open.
	FileOwner interface{ Share() (done func() error) }
	// ReadOnlyFile: only opening the file for writing would make the mapping writable, which is
	// what a refused write then says.
	ReadOnlyFile bool
}
