package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// Symbol is one entry of a symbol table.
type Symbol struct {
	Name        string
	Value, Size uint64
	Kind        uint8 // STT_FUNC and others
	Section     uint16
}

const (
	sectionSymbols        = 2  // SHT_SYMTAB
	sectionDynamicSymbols = 11 // SHT_DYNSYM
)

// symbols returns the symbols of an ELF file, or the dynamic ones if it is stripped of the others.
func symbols(path string) ([]Symbol, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

func read(f *os.File) ([]Symbol, error) {
	var ident [16]byte
	if n, err := f.ReadAt(ident[:], 0); n < len(ident) || string(ident[:4]) != "\x7fELF" {
		return nil, errors.Join(errors.New("no ELF file"), err)
	}
	type (
		l2 = endian.LE16[uint16]
		l4 = endian.LE32[uint32]
		l8 = endian.LE64[uint64]
		b2 = endian.BE16[uint16]
		b4 = endian.BE32[uint32]
		b8 = endian.BE64[uint64]
	)
	switch class, order := ident[4], ident[5]; [2]byte{class, order} {
	case [2]byte{1, 1}:
		return readAs[header32[l2, l4], section32[l4], symbol32[l2, l4]](f)
	case [2]byte{1, 2}:
		return readAs[header32[b2, b4], section32[b4], symbol32[b2, b4]](f)
	case [2]byte{2, 1}:
		return readAs[header64[l2, l4, l8], section64[l4, l8], symbol64[l2, l4, l8]](f)
	case [2]byte{2, 2}:
		return readAs[header64[b2, b4, b8], section64[b4, b8], symbol64[b2, b4, b8]](f)
	default:
		return nil, fmt.Errorf("class %d and byte order %d are not of ELF: want 1 or 2", class, order)
	}
}

// readAs reads a file of header H, section headers S and symbols Y.
func readAs[H interface{ sections() table }, S interface{ section() section }, Y interface{ symbol() symbol }](f *os.File) ([]Symbol, error) {
	size := uint64(options.For[H](1).Size())
	header, err := mapTable[H](f, table{0, size, size})
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	defer header.Close()
	sections, err := mapTable[S](f, header.At(0).sections())
	if err != nil {
		return nil, fmt.Errorf("sections: %w", err)
	}
	defer sections.Close()
	for _, kind := range []uint32{sectionSymbols, sectionDynamicSymbols} {
		for _, s := range sections.All() {
			symbols := s.section()
			if symbols.kind != kind {
				continue
			}
			names, err := sections.Load(int(symbols.link))
			if err != nil {
				return nil, fmt.Errorf("the section of the symbols' names: %w", err)
			}
			return readSymbols[Y](f, symbols.table, names.section().table)
		}
	}
	return nil, errors.New("no symbols: the file is stripped, as go run does it; name a file that is not")
}

func readSymbols[Y interface{ symbol() symbol }](f *os.File, at, namesAt table) ([]Symbol, error) {
	symbols, err := mapTable[Y](f, at)
	if err != nil {
		return nil, fmt.Errorf("symbols: %w", err)
	}
	defer symbols.Close()
	namesAt.entry = 1 // strings have no entry size
	names, err := mapTable[byte](f, namesAt)
	if err != nil {
		return nil, fmt.Errorf("names: %w", err)
	}
	defer names.Close()
	all := make([]Symbol, 0, symbols.Len())
	for i, y := range symbols.All() {
		s := y.symbol()
		name, err := names.View().Sub(int(s.name), names.Len())
		if err != nil {
			return nil, fmt.Errorf("the name of symbol %d: %w", i, err)
		}
		text, _, ended := bytes.Cut(name.Slice(), []byte{0})
		if !ended {
			return nil, fmt.Errorf("the name of symbol %d does not end", i)
		}
		if len(text) > 0 {
			all = append(all, Symbol{string(text), s.value, s.size, s.info & 15, s.section})
		}
	}
	return all, nil
}

// mapTable maps the records of a table, whose entries have to have the size of T.
func mapTable[T any](f *os.File, t table) (*region.Region[T], error) {
	size := uint64(options.For[T](1).Size())
	if t.entry != size {
		return nil, fmt.Errorf("entries of %d bytes, want %d", t.entry, size)
	}
	n := t.size / size
	if n > math.MaxInt || t.offset > math.MaxInt64 {
		return nil, fmt.Errorf("%d entries at %d are not in any file", n, t.offset)
	}
	return region.Map[T](options.For[T](int(n)).WithFile(f, int64(t.offset)))
}
