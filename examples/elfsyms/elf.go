package main

// The records of the ELF format: see elf(5). H, W and X are its numbers of 2, 4 and 8 bytes, in the
// byte order of the file.
type (
	header32[H half, W word] struct {
		Ident                     [16]byte
		Type, Machine             H
		Version, Entry            W
		Programs, Sections, Flags W
		Size                      H
		ProgramSize, ProgramCount H
		SectionSize, SectionCount H
		Names                     H
	}
	header64[H half, W word, X xword] struct {
		Ident                     [16]byte
		Type, Machine             H
		Version                   W
		Entry, Programs, Sections X
		Flags                     W
		Size                      H
		ProgramSize, ProgramCount H
		SectionSize, SectionCount H
		Names                     H
	}
	section32[W word] struct {
		Name, Type, Flags, Addr, Offset, Size, Link, Info, Align, EntrySize W
	}
	section64[W word, X xword] struct {
		Name, Type                W
		Flags, Addr, Offset, Size X
		Link, Info                W
		Align, EntrySize          X
	}
	symbol32[H half, W word] struct {
		Name, Value, Size W
		Info, Other       uint8
		Section           H
	}
	symbol64[H half, W word, X xword] struct {
		Name        W
		Info, Other uint8
		Section     H
		Value, Size X
	}
)

type (
	half  interface{ Get() uint16 }
	word  interface{ Get() uint32 }
	xword interface{ Get() uint64 }
)

// table says where records of one kind lie in the file.
type table struct{ offset, size, entry uint64 } // bytes; entry is the size of one record

// section is what is used of a section header.
type section struct {
	kind, link uint32
	table
}

// symbol is what is used of a symbol.
type symbol struct {
	name        uint32
	info        uint8
	section     uint16
	value, size uint64
}

func (h header32[H, W]) sections() table {
	n, entry := uint64(h.SectionCount.Get()), uint64(h.SectionSize.Get())
	return table{uint64(h.Sections.Get()), n * entry, entry}
}

func (h header64[H, W, X]) sections() table {
	n, entry := uint64(h.SectionCount.Get()), uint64(h.SectionSize.Get())
	return table{h.Sections.Get(), n * entry, entry}
}

func (s section32[W]) section() section {
	at := table{uint64(s.Offset.Get()), uint64(s.Size.Get()), uint64(s.EntrySize.Get())}
	return section{s.Type.Get(), s.Link.Get(), at}
}

func (s section64[W, X]) section() section {
	return section{s.Type.Get(), s.Link.Get(), table{s.Offset.Get(), s.Size.Get(), s.EntrySize.Get()}}
}

func (s symbol32[H, W]) symbol() symbol {
	return symbol{s.Name.Get(), s.Info, s.Section.Get(), uint64(s.Value.Get()), uint64(s.Size.Get())}
}

func (s symbol64[H, W, X]) symbol() symbol {
	return symbol{s.Name.Get(), s.Info, s.Section.Get(), s.Value.Get(), s.Size.Get()}
}
