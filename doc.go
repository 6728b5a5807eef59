// Package typedmem owns ranges of mapped memory: a Mapping is one range of addresses, anonymous or
// file-backed, with a protection, that can be committed, protected, split, merged, grown, locked,
// flushed and closed. Package options builds mappings; packages region and slab show them as typed
// memory. Guard turns memory faults into errors, and Areas lists what an address space holds.
//
// # Lifetime
//
// Close gives the memory back at once and keeps the addresses reserved until the garbage collector
// shows that no Limits of the mapping, and so no view of it, is left: a stale access faults where
// it stands and never reaches another mapping's bytes. A mapping that nobody closes is released by
// the collector, unless its raw memory was handed out.
//
// # What is left to the program
//
//   - Memory areas (vm.max_map_count on Linux, 65,530 by default): the last sixteenth is left to
//     the Go runtime, which ends the process where it cannot map. A mapping that would need one of
//     these, or a change of protection, is an error that wraps the system's (ENOMEM). Close, a
//     shrinking Resize and MakeNone never fail for lack of areas. Where no area may be cut in two
//     any more, they take the memory back and the permission of checked access, but a stale raw
//     access may then see zeros or the file in place of a fault, and addresses of file mappings may
//     go to somebody else.
//   - Addresses under a limit (RLIMIT_AS, and in 32-bit programs): Close runs a collection where
//     those of closed mappings take an eighth of what the limit leaves.
//   - Addresses for growth: see the package comment of region.
//   - Locked memory: after mlockall(2) with MCL_FUTURE reserved addresses count as locked as well.
//     Regions then reserve little; a request that RLIMIT_MEMLOCK refuses is an error that says so.
//
// # Concurrency
//
// The methods of Mapping are safe for concurrent use. What they cannot see is an access in flight:
// memory that one goroutine takes away (Close, MakeNone, a shrinking Resize) faults under another
// goroutine that has passed its check already. Pin holds a mapping open over such a section.
package typedmem
