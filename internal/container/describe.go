package container

import (
	"fmt"
	"math"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/layout"
	"github.com/typedmem/typedmem/internal/sys"
)

// Description is what the header of a file says.
type Description struct {
	Kind     Kind
	Type     string // the name of the Go type
	Order    string // of the data: "little" or "big"
	Size     int    // of an element, bytes
	Length   int    // elements
	Synced   int    // elements that are on the device
	Width    int    // elements in a row, at least 1
	Capacity uint64 // slots of a slab
	Fields   []layout.Field
}

// Describe returns what the header of a file says that was opened with an empty [Spec].
func (c *File) Describe() Description {
	h := c.header
	fields, _ := layout.Parse(h.fields, int(h.elemSize)) // coherent has compared it with the rest
	return Description{
		Kind: h.kind, Type: typeName(h.fields), Order: h.order, Size: int(h.elemSize), Length: int(h.length), Synced: int(c.synced),
		Width: int(max(h.width, 1)), Capacity: h.capacity, Fields: fields,
	}
}

// coherent returns an error unless the header describes elements that a reader can find its way in
// without their type.
func (h *header) coherent() error {
	if h.kind != KindRegion && h.kind != KindSlab {
		return fmt.Errorf("it is a file of %v, this library reads regions and slabs: %w", h.kind, typedmem.ErrLayout)
	}
	if h.elemSize > math.MaxInt32 { // no file is made with larger ones
		return fmt.Errorf("elements of %d bytes: %w", h.elemSize, typedmem.ErrSize)
	}
	if layout.Fingerprint(h.fields, h.elemSize, h.order, Version) != h.fingerprint {
		return fmt.Errorf("its field list does not have the fingerprint %x that is recorded: %w", h.fingerprint, typedmem.ErrCorrupt)
	}
	if _, err := layout.Parse(h.fields, int(h.elemSize)); err != nil {
		return fmt.Errorf("%w: %w", err, typedmem.ErrCorrupt)
	}
	return nil
}

// LiveWriter returns the process ID of the writer that has the file open now, 0 if there is none,
// or none that has it alone. Where the live record names one it looks whether the file is locked.
func (c *File) LiveWriter() int {
	record := make([]byte, liveSize)
	if _, err := c.f.ReadAt(record, liveOffset); err != nil || !sameBoot(record) {
		return 0
	}
	pid := livePID(record)
	if pid > math.MaxInt32 {
		return 0
	}
	// For an instant no writer can take the lock. One that tries then tries again: see lock.
	if sys.LockFileShared(c.f) == nil {
		_ = sys.UnlockFile(c.f)
		return 0
	}
	return int(pid)
}
