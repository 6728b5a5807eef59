// Package endian has numbers of a fixed byte order and of alignment 1: the fields of records that
// other programs wrote. A pcap header, an ELF symbol or a big-endian .npy file becomes a Go struct,
// whatever the machine's own byte order is, and may begin at any byte of a file.
//
//	type symbol struct { // Elf64_Sym of a little-endian file
//		Name  endian.LE32[uint32]
//		Info  uint8
//		Other uint8
//		Index endian.LE16[uint16]
//		Value endian.LE64[uint64]
//		Size  endian.LE64[uint64]
//	}
//	symbols, err := region.Cast[symbol](bytes)
//
// Get and Set convert. They compile to a load or store, with a swap of the bytes where the machine
// has the other order, and allocate nothing. The zero value is 0.
//
// The types may be part of any element of a region or slab, in files too. Byte order and number
// type are part of the file's layout: a file of BE32[uint32] cannot be opened as LE32[uint32] or
// [4]byte.
//
// fmt prints a value as its number, with every verb that the number has. JSON holds the number.
// Any number of goroutines may call Get; Set is a plain store, not an atomic one.
package endian
