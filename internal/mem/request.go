package mem

import (
	"os"

	"github.com/typedmem/typedmem/flags"
)

// FileOwner shares an open file among mappings.
type FileOwner interface {
	// Share returns a share of the file, which a mapping takes instead of duplicating it, if it
	// needs it later. The file stays open until done is called.
	Share() (done func() error)
	// Writeback is that of the file, for all its mappings.
	Writeback() *Writeback
}

// Request says what Map is to make. Package options builds it; its methods say what each field
// means.
type Request struct {
	Size       int      // bytes; negative if computing the size overflowed
	Capacity   int      // bytes of address space to reserve for growth in place, 0 for Size
	Name       string   // for people and the system's list of areas, "" for none
	Address    uintptr  // 0 for anywhere; a hint unless Unsafe has flags.Fixed
	File       *os.File // what to map, nil for anonymous memory
	HasFile    bool     // WithFile was called, even if File is nil
	Offset     int64    // bytes from the start of the file to the first byte
	Flags      flags.Map
	Unsafe     flags.Unsafe
	System     uintptr          // flags of the system's own mapping call
	PageSize   flags.PageSize   // 0 for the usual one
	Protection flags.Protection // of the memory, for Reserve once it is committed
	Reserve    bool             // address space only, until Commit
	Elastic    bool             // Capacity is the minimum: reserve as much as suits the process
	Follows    bool             // with Elastic: reserve little, Larger takes over when the file outgrows it
	LeaveFile  bool             // Close does not cut the file back after growth: the caller does
	WithinFile bool             // refuse a range that reaches past the end of the file
	FileOwner  FileOwner        // of File, or nil
	Writeback  *Writeback       // of File; nil for the owner's, or one of the mapping's own
	// ReadOnlyFile makes a refused write say that the file must be opened for writing.
	ReadOnlyFile bool
}
