// Package typedmem owns ranges of mapped memory: a Mapping is one range of addresses, anonymous or
// file-backed, with a protection, that can be committed, protected, split, merged, grown, locked,
// flushed and closed. A reserved range has addresses but no memory; Commit gives it memory. The
// capacity of a mapping is the addresses that it has to grow into; what follows its length is
// spare. Package options builds mappings; packages region and slab show them as typed memory. Guard
// turns memory faults into errors, and Areas lists what an address space holds.
//
// # Lifetime
//
// Close releases the memory at once. The addresses stay reserved until the garbage collector finds
// that no view of the mapping is left, so a stale checked access never reaches another mapping's
// bytes. A raw slice or pointer (Bytes, Slice, Ptr) does not count as a view: used after Close it
// faults at first, and may reach other memory once the collector has run. The collector also
// releases a mapping that nobody closes, unless its raw memory was handed out.
//
// # Zero values, nil and copies
//
// One rule holds for every type of this module:
//
//   - The zero Mapping, Region, Slab and Cache are closed: their methods return [ErrClosed]. Of
//     those without an error, access to elements and raw memory panics with it; others return 0,
//     false or nothing. The zero View and Strided are empty. The zero Handle names no object. The
//     zero Options ask for 0 bytes, which is refused ([ErrSize]).
//   - A nil pointer prints as nil. Every other method of it panics as any nil dereference does.
//   - A Mapping, Region, Slab or Cache must not be copied; go vet reports a copy. View, Strided,
//     Handle, Options and Area are plain values: a copy is as good as the first.
//
// # What the program must know
//
//   - Memory areas, stretches of addresses with one protection (vm.max_map_count on Linux, 65,530
//     by default): the library leaves the last sixteenth of them to the Go runtime, which ends the
//     process when it cannot map. A new mapping or a change of protection that would need one of
//     those areas returns the system's error (ENOMEM). Close, a shrinking Resize and MakeNone never
//     fail for lack of areas. Where no area may be cut in two, they still release the memory, and
//     checked access is refused. A stale raw access may then see zeros or the file instead of a
//     fault, and addresses of file mappings may be reused.
//   - Limited addresses (RLIMIT_AS, 32-bit programs): Close runs a collection when closed mappings
//     hold an eighth of the addresses that the limit leaves.
//   - RLIMIT_AS: the library leaves 128 MiB of what the limit allows to the Go runtime, or half of
//     what there is for the library where that is less. A mapping that would need them returns the
//     system's error (ENOMEM).
//   - Addresses for growth: see the package comment of region.
//   - Locked memory: after mlockall(2) with MCL_FUTURE, reserved addresses count as locked too.
//     Regions then reserve little, and what RLIMIT_MEMLOCK refuses is an error that says so.
//
// # Concurrency
//
// The methods of Mapping are safe for concurrent use. They cannot see an access in flight: when one
// goroutine takes memory away (Close, MakeNone, a shrinking Resize), another goroutine that has
// already passed its check faults. [Mapping.Pin] makes Close, SplitOff, SplitTo, Merge and a
// shrinking Resize return [ErrBusy]. It does not stop a change of protection.
package typedmem
