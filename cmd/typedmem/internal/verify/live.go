package verify

import "hash/crc32"

// checkLive checks the live record, and takes its length where that counts.
func (c *file) checkLive() {
	b := c.head[liveAt : liveAt+56]
	boot := b[:16]
	if firstNonZero(boot) < 0 {
		return // no writer, or one that was killed before it had written its record
	}
	if sum := crc32.ChecksumIEEE(b[:44]); sum != le.Uint32(b[44:]) {
		c.wrong("the live record has the checksum %08x, that of its bytes is %08x", le.Uint32(b[44:]), sum)
		return
	}
	same, known := sameBoot(boot)
	if !same || !known || le.Uint32(b[40:]) != 0 {
		return // written before the system was started, or by the clock of a container: the copies count
	}
	c.Writer = le.Uint64(b[16:])
	word := le.Uint64(b[48:])
	n := word & (1<<48 - 1)
	if word>>48 != complementSum(n) {
		c.wrong("the length word of the live record is %016x, and its sum is wrong for the length %d", word, n)
		return
	}
	c.length = n
	if c.header.kind == 2 && n > c.header.capacity {
		c.wrong("by the live record %d of %d slots may be in use", n, c.header.capacity)
	}
	if c.header.kind == 1 && n != c.header.length && c.header.width > 1 && n%c.header.width != 0 {
		c.wrong("by the live record there are %d elements, no whole number of rows of %d", n, c.header.width)
	}
}

// complementSum is the complement of the ones' complement sum of the three 16-bit words of n.
func complementSum(n uint64) uint64 {
	sum := n&0xffff + n>>16&0xffff + n>>32&0xffff
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^sum & 0xffff
}
