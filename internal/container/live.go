package container

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"math/bits"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/typedmem/typedmem/internal/order"
	"github.com/typedmem/typedmem/internal/sys"
)

// The live record is how a writer publishes the length between syncs: to readers in other
// processes, and to the next Open after the writer was killed. It counts only until the system
// restarts, while the page cache holds the data too. FORMAT.md has its bytes. What follows it, up
// to clearsEnd, belongs to the file and not to its writer.
const (
	liveSumAt  = 44
	liveWordAt = 48
	liveSize   = 56
	clearsAt   = 56
	clearsEnd  = 64
	maxLength  = 1<<48 - 1
)

// What the system says about its boot; variables for tests.
var (
	bootID      = sync.OnceValues(sys.BootID)
	privateBoot = sync.OnceValue(sys.PrivateBootID)
	uptime      = sys.Uptime
)

// packLength returns the length word: bits 0 to 47 are the length in elements, the rest is their
// sum. One aligned store publishes it, and the sum detects a wrong byte.
//
// The sum is the complement of the ones' complement sum, so that a word of zeros is not valid.
// Carries out of the low 16 bits are added back twice, since the first time may carry again.
func packLength(n uint64) uint64 {
	sum := n&0xffff + n>>16&0xffff + n>>32&0xffff
	sum = sum&0xffff + sum>>16
	sum = sum&0xffff + sum>>16
	return n | ^sum<<48
}

func unpackLength(word uint64) (n uint64, ok bool) {
	n = word & maxLength
	return n, word == packLength(n)
}

// littleEndian turns a number of this machine into one that lies little-endian in memory, and back.
func littleEndian(x uint64) uint64 {
	if bigEndian {
		return bits.ReverseBytes64(x)
	}
	return x
}

var bigEndian = binary.NativeEndian.Uint16([]byte{0, 1}) == 1

// liveRecord is the live record in a mapped header block.
type liveRecord struct{ b []byte }

func (l liveRecord) word() *uint64 {
	// SAFETY: b begins at a multiple of 8 in a page-aligned mapping, and holds the word; the holder
	// of the record keeps the mapping open.
	return (*uint64)(unsafe.Pointer(&l.b[liveWordAt]))
}

func (l liveRecord) publish(n uint64) {
	order.Publish(l.word(), littleEndian(packLength(n)))
}

// begin writes the record of a writer. The boot ID comes last: until it is complete the record is
// not valid.
func (l liveRecord) begin(n uint64) {
	boot, ok := bootID()
	clear(l.b[:liveWordAt])
	l.publish(n)
	if !ok {
		return
	}
	var record [liveSumAt]byte
	copy(record[:], boot[:])
	le := binary.LittleEndian
	le.PutUint64(record[16:], uint64(os.Getpid()))
	if started, up, ok := uptime(); ok {
		le.PutUint64(record[24:], uint64(started))
		le.PutUint64(record[32:], uint64(up))
	}
	if privateBoot() {
		record[40] = 1
	}
	copy(l.b[16:], record[16:])
	le.PutUint32(l.b[liveSumAt:], crc32.ChecksumIEEE(record[:]))
	copy(l.b, boot[:])
}

func (l liveRecord) end() { clear(l.b[:liveWordAt]) }

// sameBoot reports whether a live record was written since the system was started: whether the page
// cache holds all that its writer wrote.
//
// The kernel's boot ID decides. If either side has a boot ID of a container, the clocks decide: the
// system was started before the record was written, and has run for longer than it had then.
// FORMAT.md says what clocks that were set can do.
func sameBoot(b []byte) bool {
	le := binary.LittleEndian
	boot, ok := bootID()
	if !ok || livePID(b) == 0 || [16]byte(b[:16]) == [16]byte{} {
		return false
	}
	equal := [16]byte(b[:16]) == boot
	if b[40] == 0 && !privateBoot() {
		return equal
	}
	started, up, ok := uptime()
	if !ok {
		return equal
	}
	wasStarted, wasUp := int64(le.Uint64(b[24:])), int64(le.Uint64(b[32:]))
	return up >= wasUp && (equal || started <= wasStarted+wasUp)
}

// liveLength returns the length in a live record of this boot. writing reports whether there is
// such a record, of a live or a killed writer. torn reports that only its length word is not valid:
// the writer may be storing it at this moment, so read it again before the file counts as damaged.
func liveLength(b []byte) (n uint64, writing, torn bool) {
	if !sameBoot(b) {
		return 0, false, false
	}
	// SAFETY: as in word. A record that was read from the file lies in a headerBlock, which is so
	// large that the allocator aligns it to a page.
	word := littleEndian(atomic.LoadUint64((*uint64)(unsafe.Pointer(&b[liveWordAt]))))
	n, ok := unpackLength(word)
	if !ok && storedInHalves {
		return word & math.MaxUint32, true, false
	}
	return n, ok, !ok
}

// storedInHalves says whether a 64-bit store may be two of 32 bits, between which a writer can be
// killed. The lower half is then the old length or the new one, since lengths fit it on these
// machines.
const storedInHalves = runtime.GOARCH == "arm" || runtime.GOARCH == "mips" || runtime.GOARCH == "mipsle"

// mostReads bounds how often the header or a torn length word is read again. A store takes a few
// nanoseconds.
const mostReads = 1000

// livePID returns the process ID of the writer, 0 if the record is not valid.
func livePID(b []byte) uint64 {
	if binary.LittleEndian.Uint32(b[liveSumAt:]) != crc32.ChecksumIEEE(b[:liveSumAt]) {
		return 0
	}
	return binary.LittleEndian.Uint64(b[16:])
}

// Left is how the last writer left a file.
type Left uint8

const (
	LeftUnknown Left = iota // any of the others: the system has no boot ID
	LeftLost                // the system crashed: what was not flushed may be lost, and no reader is left
	LeftKilled              // the writer is running or was killed, in this boot: all that it wrote is there
	LeftClosed              // the writer closed the file
)

// MayMiss reports whether data that was not flushed may be lost.
func (l Left) MayMiss() bool { return l <= LeftLost }

func leftBy(b []byte) Left {
	if _, known := bootID(); !known {
		return LeftUnknown
	}
	if _, writing, _ := liveLength(b); writing {
		return LeftKilled
	}
	if [16]byte(b[:16]) != [16]byte{} { // zero too if a writer was killed in begin, before it changed anything
		return LeftLost
	}
	return LeftClosed
}
