// Package typedmem owns ranges of mapped memory: a Mapping is one range of addresses, anonymous or file-backed, with a protection, that can be
// committed, protected, split, merged, grown, locked, flushed and closed. Package options builds mappings; packages region and slab show them
// as typed memory. Guard turns memory faults into errors, and Areas lists what an address space holds.
//
// # Lifetime
//
// Close gives the memory back at once and keeps the addresses reserved until the garbage collector shows that no Limits of the mapping, and
// so no view of it, is left: a stale access faults where it stands and never reaches another mapping's bytes. A mapping that nobody
// closes is released by the collector, unless its raw memory was handed out.
//
// # Concurrency
//
// The methods of Mapping are safe for concurrent use. What they cannot see is an access in flight: memory that one goroutine takes away (Close,
// MakeNone, a shrinking Resize) faults under another goroutine that has passed its check already. Pin holds a mapping open over such a section.
package typedmem
