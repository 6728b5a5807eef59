package mem

import "sync"

// Write is m.Write without letting b escape to the heap, as a call of an interface would: b may be
// the variadic slice of an Append, or an object on the stack, which would then be allocated. It
// copies b in parts.
func Write(m Mapping, off int, b []byte) error {
	part := parts.Get().(*[partSize]byte)
	defer parts.Put(part)
	for len(b) > 0 {
		n := copy(part[:], b)
		if err := m.Write(off, part[:n]); err != nil {
			return err
		}
		off, b = off+n, b[n:]
	}
	return nil
}

const partSize = 64 << 10

var parts = sync.Pool{New: func() any { return new([partSize]byte) }}
