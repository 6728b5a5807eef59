package slots

import (
	"fmt"
	"unsafe"

	"github.com/typedmem/typedmem/internal/mem"
)

// Table says where the slots of a slab and their words are. It is set before the slots are used,
// and only read then. Sizes are in bytes, counts in slots.
type Table struct {
	Cap     uintptr        // the capacity
	Size    uintptr        // of an object
	Salt    uint64         // see FirstGeneration
	Slots   unsafe.Pointer // of the first slot
	Words   unsafe.Pointer // of the first slot's word
	Limits  *mem.Limits    // of the slots
	Shadows Shadows
}

// Attach shows the slots in the memory of these limits.
func (t *Table) Attach(limits *mem.Limits) {
	t.Limits = limits
	// SAFETY: the address of a mapping, off the Go heap; the limits keep the address range from
	// being given to others.
	t.Slots = unsafe.Add(unsafe.Pointer(nil), limits.Base())
}

// AttachWords shows the words at an address.
func (t *Table) AttachWords(addr uintptr) {
	// SAFETY: the address of a mapping, off the Go heap, that is closed after the slots only.
	t.Words = unsafe.Add(unsafe.Pointer(nil), addr)
}

// Slot returns the address of slot i.
func (t *Table) Slot(i uintptr) unsafe.Pointer {
	// SAFETY: the callers have compared i with Cap, and compare the address with the limits before
	// they touch it.
	return unsafe.Add(t.Slots, i*t.Size)
}

// Word returns the address of the word of slot i.
func (t *Table) Word(i uintptr) *uint64 { return WordAt(t.Words, i) }

// End returns the address after slot i.
func (t *Table) End(i uintptr) uintptr { return uintptr(t.Slot(i)) + t.Size }

// Readable reports whether slot i can be read now.
func (t *Table) Readable(i uintptr) bool { return t.End(i) <= t.Limits.Readable() }

// Refusal returns why slot i, which has memory, is beyond a limit: ErrClosed, ErrProtection, or
// ErrBounds of a mapping that was cut.
func (t *Table) Refusal(i, limit uintptr) error {
	if mem.Allows(limit) {
		return fmt.Errorf("slot %d was cut off: the mapping was shrunk or split: %w", i, mem.ErrBounds)
	}
	return mem.Refusal(limit)
}
