package container

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem/internal/sys"
)

// The live record is how a writer publishes the length between syncs: to readers in other processes, and to the next open after the writer was
// killed. It counts only within one run of the system, whose page cache holds the data too; after a restart the header copies count, which
// are written behind the data.
//
//	 0  16  boot: name of the run of the system, zero when no writer is at work
//	16   8  process id of the writer, little-endian
//	24   4  CRC-32 of bytes 0 to 24
//	28   4  zero
//	32   8  length word, little-endian: bits 0..47 the length in elements, bits 48..63 the ones' complement sum of those three 16-bit words
const (
	liveSize   = 40
	liveWordAt = 32
	maxLength  = 1<<48 - 1
)

var bootID = sync.OnceValues(sys.BootID)

// packLength makes the length word: one aligned store publishes it, and one byte that is wrong shows.
func packLength(n uint64) uint64 { return n | uint64(foldLength(n))<<48 }

func unpackLength(word uint64) (n uint64, ok bool) {
	n = word & maxLength
	return n, word>>48 == uint64(foldLength(n))
}

// foldLength is the complement of the ones' complement sum, so that a word of zeros is not valid.
func foldLength(n uint64) uint16 {
	sum := n&0xffff + n>>16&0xffff + n>>32&0xffff
	sum = sum&0xffff + sum>>16
	sum = sum&0xffff + sum>>16
	return ^uint16(sum)
}

// littleEndian turns a number of this machine into one that lies little-endian in memory, and back.
func littleEndian(x uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], x)
	return binary.NativeEndian.Uint64(b[:])
}

// liveRecord is the live record in a mapped header block.
type liveRecord struct{ b []byte }

func (l liveRecord) word() *uint64 {
	// SAFETY: b begins at a multiple of 8 in a page-aligned mapping, and holds the word; the holder of the record keeps the mapping open.
	return (*uint64)(unsafe.Pointer(&l.b[liveWordAt]))
}

func (l liveRecord) publish(n uint64) {
	atomic.StoreUint64(l.word(), littleEndian(packLength(n)))
}

// begin announces a writer. The name of the boot comes last: before it is whole nobody takes the record for valid.
func (l liveRecord) begin(n uint64) {
	boot, ok := bootID()
	clear(l.b[:liveWordAt])
	if !ok {
		l.publish(n)
		return
	}
	l.publish(n)
	binary.LittleEndian.PutUint64(l.b[16:], uint64(os.Getpid()))
	var sum [24]byte
	copy(sum[:], boot[:])
	copy(sum[16:], l.b[16:24])
	binary.LittleEndian.PutUint32(l.b[24:], crc32.ChecksumIEEE(sum[:]))
	copy(l.b, boot[:])
}

// end says that no writer is at work.
func (l liveRecord) end() { clear(l.b[:liveWordAt]) }

// liveLength returns the length that a live record of this run of the system holds. writing says that a writer left it, alive or killed; torn that
// the record is one but for its length word, which the writer may just be storing: reading it again helps, unless it is damaged.
func liveLength(b []byte) (n uint64, writing, torn bool) {
	boot, ok := bootID()
	if !ok || [16]byte(b[:16]) != boot || binary.LittleEndian.Uint32(b[24:]) != crc32.ChecksumIEEE(b[:24]) {
		return 0, false, false
	}
	// SAFETY: as with word; a record that was read from the file lies in a headerBlock, which is so large that the allocator gives it whole pages.
	word := littleEndian(atomic.LoadUint64((*uint64)(unsafe.Pointer(&b[liveWordAt]))))
	if n, ok = unpackLength(word); !ok && storedInHalves {
		return word & math.MaxUint32, true, false
	}
	return n, ok, !ok
}

// storedInHalves says that a 64-bit store may be two of 32 bits, between which a writer can be killed. The lower half then is the length before or the one
// after, whole: lengths of these machines fit it.
const storedInHalves = runtime.GOARCH == "arm" || runtime.GOARCH == "mips" || runtime.GOARCH == "mipsle"

// again is how often a torn length word is read again. A store takes a few nanoseconds.
const again = 1000

// livePID returns the process id of the writer, 0 where there is none.
func livePID(b []byte) uint64 {
	if binary.LittleEndian.Uint32(b[24:]) != crc32.ChecksumIEEE(b[:24]) {
		return 0
	}
	return binary.LittleEndian.Uint64(b[16:])
}

// Left is how the last writer left a file.
type Left uint8

const (
	LeftUnknown Left = iota // any of the others: the system does not name its runs
	LeftLost                // the system went down: what was not flushed may be gone, and no reader is left
	LeftKilled              // the writer is at work or was killed, in this run of the system: all that it wrote is there
	LeftClosed              // the writer closed the file
)

// MayMiss reports whether what was not flushed may be gone.
func (l Left) MayMiss() bool { return l <= LeftLost }

func leftBy(b []byte) Left {
	if _, known := bootID(); !known {
		return LeftUnknown
	}
	if _, writing, _ := liveLength(b); writing {
		return LeftKilled
	}
	if [16]byte(b[:16]) != [16]byte{} { // zero also where a writer was killed while it began: it has changed nothing
		return LeftLost
	}
	return LeftClosed
}
