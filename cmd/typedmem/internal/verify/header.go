package verify

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"strings"
)

// header is a header copy.
type header struct {
	kind, order                uint32
	elemSize, length, sequence uint64
	capacity, salt, width      uint64
	alignment                  uint64
	fingerprint                [16]byte
	fields                     string
}

// describes reports whether two copies are of one file: all but length and sequence number is
// equal.
func (h header) describes(other *header) bool {
	h.length, h.sequence = other.length, other.sequence
	return h == *other
}

// oneByte reports whether elements are bytes, as those of a blob file are.
func (h *header) oneByte() bool {
	_, lines, _ := strings.Cut(h.fields, "\n")
	return lines == ". uint8 0 1\n"
}

const mostFields = copySize - 112

// checkCopy returns a copy if it is valid: if magic number, version and checksum are right.
func (c *file) checkCopy(name string, b []byte) *header {
	wrong := func(format string, args ...any) { c.wrong("header copy "+name+": "+format, args...) }
	if string(b[:8]) != "\x89TMEM\r\n\x1a" {
		wrong("it does not begin with the magic number")
		return nil
	}
	if v := le.Uint32(b[8:]); v != 1 {
		wrong("its format version is %d, this tool knows version 1", v)
		return nil
	}
	n := le.Uint32(b[104:])
	if n > mostFields {
		wrong("its field list has %d bytes, at most %d fit", n, mostFields)
		return nil
	}
	if sum := crc32.Update(crc32.ChecksumIEEE(b[:20]), crc32.IEEETable, b[24:112+n]); sum != le.Uint32(b[20:]) {
		wrong("its checksum is %08x, that of its bytes is %08x", le.Uint32(b[20:]), sum)
		return nil
	}
	h := &header{
		kind: le.Uint32(b[12:]), order: le.Uint32(b[16:]), elemSize: le.Uint64(b[24:]), alignment: le.Uint64(b[32:]), fingerprint: [16]byte(b[48:]),
		length: le.Uint64(b[64:]), sequence: le.Uint64(b[72:]), capacity: le.Uint64(b[80:]), salt: le.Uint64(b[88:]), width: le.Uint64(b[96:]),
		fields: string(b[112 : 112+n]),
	}
	if at := le.Uint64(b[40:]); at != block {
		wrong("its data begins at byte %d, and not at %d", at, block)
	}
	if x := le.Uint32(b[108:]); x != 0 {
		wrong("bytes 108 to 111 are %#x, and not zero", x)
	}
	if h.order != 1 && h.order != 2 {
		wrong("its byte order is %d; 1 is little-endian, 2 is big-endian", h.order)
	}
	if h.length >= 1<<48 {
		wrong("its length is %d, a live record has room for 48 bits", h.length)
	}
	switch h.kind {
	case 1:
		if h.capacity != 0 || h.salt != 0 {
			wrong("it is a region and has %d slots and a salt of %#x; those are of slabs", h.capacity, h.salt)
		}
		if h.width > 1 && h.length%h.width != 0 {
			wrong("its length of %d elements is no whole number of rows of %d", h.length, h.width)
		}
	case 2:
		switch {
		case h.capacity == 0 || h.capacity > 1<<32:
			wrong("it is a slab of %d slots; an index has 32 bits", h.capacity)
		case h.length > h.capacity:
			wrong("%d of its %d slots may be in use", h.length, h.capacity)
		}
		if h.width != 0 {
			wrong("it is a slab and has rows of %d; those are of regions", h.width)
		}
	default:
		wrong("its kind is %d; 1 is a region, 2 is a slab", h.kind)
	}
	for _, finding := range checkFields(h.fields, h.elemSize, h.alignment) {
		wrong("%s", finding)
	}
	if sum := h.computed(); sum != h.fingerprint && (h.order == 1 || h.order == 2) {
		wrong("its fingerprint is %x, that of its field list is %x", h.fingerprint, sum)
	}
	return h
}

// computed returns the fingerprint of the field list.
func (h *header) computed() (sum [16]byte) {
	_, lines, _ := strings.Cut(h.fields, "\n")
	order := "little"
	if h.order == 2 {
		order = "big"
	}
	full := sha256.Sum256(fmt.Appendf(nil, "%ssize %d\nstride %d\norder %s\nversion 1\n", lines, h.elemSize, h.elemSize, order))
	copy(sum[:], full[:])
	return sum
}
