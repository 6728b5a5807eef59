package arrowio

import (
	"encoding/binary"
)

// A leaf moves the values of one column between elements, where they lie apart, and a buffer of
// Arrow, where they follow each other.
type leaf struct {
	kind  kind
	at    int   // byte of an element where the first value begins
	dims  []dim // the other ones
	run   int   // bytes that lie together in an element and are moved as one
	width int   // bytes of a value
	rows  int   // values in an element
}

// dim is a number of values that lie stride bytes apart.
type dim struct{ count, stride int }

type kind uint8

const (
	plain   kind = iota // the bytes are the same
	swapped             // the bytes of a value are in the reverse order
	truth               // a byte becomes a bit
)

func newLeaf(p place, width int, kind kind) *leaf {
	l := &leaf{kind: kind, at: p.at, dims: p.dims, run: width, width: width, rows: p.rows}
	for last := len(l.dims) - 1; last >= 0 && kind == plain; last-- {
		d := l.dims[last]
		if d.stride != l.run && d.count > 1 {
			break
		}
		l.dims = l.dims[:last]
		l.run *= d.count
	}
	return l
}

// covers reports whether elements of a size are the leaf's values and nothing else.
func (l *leaf) covers(size int) bool {
	return l.kind == plain && len(l.dims) == 0 && l.at == 0 && l.run == size
}

// bytes returns the size of a buffer for the values of n elements.
func (l *leaf) bytes(n int) int {
	if l.kind == truth {
		return (n*l.rows + 7) / 8
	}
	return n * l.rows * l.width
}

// gather moves values from elements, which lie size bytes apart, to the values of buffer from first
// on.
func (l *leaf) gather(buffer []byte, first int, elements []byte, size int) {
	m := mover{l, buffer, first * l.width, false}
	m.walk(elements, l.at, dim{len(elements) / size, size}, l.dims)
}

// scatter moves values back.
func (l *leaf) scatter(elements []byte, size int, buffer []byte, first int) {
	m := mover{l, buffer, first * l.width, true}
	m.walk(elements, l.at, dim{len(elements) / size, size}, l.dims)
}

// mover moves values in order. In buffers of bits next counts bits.
type mover struct {
	*leaf
	buffer []byte
	next   int
	back   bool // from the buffer to the elements
}

func (m *mover) walk(elements []byte, at int, outer dim, inner []dim) {
	if len(inner) == 0 {
		m.strided(elements, at, outer)
		return
	}
	for range outer.count {
		m.walk(elements, at, inner[0], inner[1:])
		at += outer.stride
	}
}

// strided moves the runs that begin at a byte and lie apart by d.
func (m *mover) strided(elements []byte, at int, d dim) {
	if d.count == 0 {
		return
	}
	switch m.kind {
	case truth:
		m.bits(elements, at, d)
	case swapped:
		m.swap(elements, at, d)
	default:
		packed := m.buffer[m.next : m.next+d.count*m.run]
		m.next += len(packed)
		if m.back {
			unpack(elements[at:], packed, m.run, d.stride)
		} else {
			pack(packed, elements[at:], m.run, d.stride)
		}
	}
}

// pack fills packed with runs that lie stride bytes apart.
func pack(packed, apart []byte, run, stride int) {
	switch run {
	case 1:
		for i := range packed {
			packed[i] = apart[i*stride]
		}
	case 2:
		for i := 0; i+2 <= len(packed); i += 2 {
			binary.NativeEndian.PutUint16(packed[i:], binary.NativeEndian.Uint16(apart))
			apart = apart[min(stride, len(apart)):]
		}
	case 4:
		for i := 0; i+4 <= len(packed); i += 4 {
			binary.NativeEndian.PutUint32(packed[i:], binary.NativeEndian.Uint32(apart))
			apart = apart[min(stride, len(apart)):]
		}
	case 8:
		for i := 0; i+8 <= len(packed); i += 8 {
			binary.NativeEndian.PutUint64(packed[i:], binary.NativeEndian.Uint64(apart))
			apart = apart[min(stride, len(apart)):]
		}
	default:
		for ; len(packed) > 0; packed = packed[run:] {
			copy(packed[:run], apart)
			apart = apart[min(stride, len(apart)):]
		}
	}
}

// unpack is the inverse of pack.
func unpack(apart, packed []byte, run, stride int) {
	for ; len(packed) > 0; packed = packed[run:] {
		copy(apart, packed[:run])
		apart = apart[min(stride, len(apart)):]
	}
}

func (m *mover) swap(elements []byte, at int, d dim) {
	for range d.count {
		value, packed := elements[at:at+m.width], m.buffer[m.next:m.next+m.width]
		if m.back {
			value, packed = packed, value
		}
		for i, b := range value {
			packed[len(packed)-1-i] = b
		}
		at += d.stride
		m.next += m.width
	}
}

func (m *mover) bits(elements []byte, at int, d dim) {
	for range d.count {
		b, bit := &m.buffer[m.next/8], byte(1)<<(m.next%8)
		switch {
		case m.back:
			elements[at] = 0
			if *b&bit != 0 {
				elements[at] = 1
			}
		case elements[at] != 0:
			*b |= bit
		default:
			*b &^= bit
		}
		at += d.stride
		m.next++
	}
}
