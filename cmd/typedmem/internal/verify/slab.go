package verify

import (
	"encoding/binary"
	"errors"
	"io"
)

const retired = 4_294_967_294 // the generation of a slot that is never used again

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// checkSlab checks the words of all slots that may be in use, and that the file has those slots.
func (c *file) checkSlab() error {
	h := c.header
	if h.capacity == 0 || h.capacity > 1<<32 || c.length > h.capacity {
		return nil // which is among the findings
	}
	slots := int64(block + (h.capacity*8+65535)/65536*65536)
	bytes, ok := product(c.length, h.elemSize)
	if !ok || bytes > 1<<62 {
		c.wrong("%d slots of %d bytes do not fit any file", c.length, h.elemSize)
		return nil
	}
	if c.Bytes < slots {
		c.wrong("the file has %d bytes, the words of its %d slots end at byte %d: it was cut off", c.Bytes, h.capacity, slots)
	}
	there := uint64(max(c.Bytes-slots, 0)) / max(h.elemSize, 1)
	order := binary.ByteOrder(binary.LittleEndian)
	if h.order == 2 {
		order = binary.BigEndian
	}
	missing := false
	buffer := make([]byte, 1<<20)
	for i := uint64(0); i < c.length; {
		b := buffer[:min(uint64(len(buffer)), (c.length-i)*8)]
		n, err := c.f.ReadAt(b, int64(block+i*8))
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n /= 8; n == 0 {
			return nil // cut off, which is among the findings
		}
		for k := range n {
			word := order.Uint64(b[8*k:])
			c.checkWord(i, word)
			missing = missing || word != 0 && i >= there
			i++
		}
	}
	if missing {
		c.wrong("the file has %d bytes, its slots end at byte %d, and slots past the end of the file were used: it was cut off",
			c.Bytes, slots+int64(bytes))
	}
	return nil
}

func (c *file) checkWord(i, word uint64) {
	if word == 0 {
		return
	}
	salt, g := c.header.salt, word>>32
	check := func(salt uint64) bool { return word&0xFFFFFFFF == mix(salt+g<<32+i)&0xFFFFFFFE }
	first := mix(salt^i)%(1<<30)*2 + 2
	live := g&1 == 1
	switch {
	case check(salt) && g >= first && g <= retired:
	case live && check(^salt) && g < retired: // inherited
	case check(salt) || check(^salt):
		c.wrong("slot %d: its word %016x has the generation %d, which no slot there can have", i, word, g)
		return
	default:
		c.wrong("slot %d: the check of its word %016x is wrong", i, word)
		return
	}
	if live {
		c.Objects++
	}
}
