package container

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"runtime"
	"sync"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/sys"
)

// File is an open container. A writer has the file's lock and its header block mapped; a reader
// maps the block when it first refreshes.
//
// Its methods are for one goroutine at a time, but for Publish, which may run beside Sync.
type File struct {
	path      string
	f         *os.File
	users     *users // of f, once there are others
	temporary string // the name that the file has until Link
	spec      Spec
	header    *header
	writer    bool
	locked    bool // this open file has the writer lock

	block *typedmem.Mapping // the header block
	live  liveRecord
	word  *uint64 // the live record's length word

	synced  uint64     // length that both copies state
	durable int        // which of the two copies is known to be on the device, -1 for none
	unnamed bool       // the file's entry in its directory may not be on the device yet
	dir     *directory // the directory, as long as that is so and if it may be read
	settled bool       // the copies as the file was opened with are known to be on the device
	heal    bool       // one copy was damaged when the file was opened
	unsure  bool       // a copy could not be flushed, or a killed writer may not have: the device may hold a length that nobody was told of
	left    Left       // how the last writer left the file
}

// setAside takes space for the header block of a new file.
func (c *File) setAside() error {
	err := sys.Allocate(c.f, 0, DataOffset)
	if sys.Refused(err) {
		err = sys.Extend(c.f, 0, DataOffset)
	}
	return sys.SpaceError(c.path, err)
}

// writing runs f, which writes to the header block. Where the disk is full, or somebody cut the
// file off, that is an error and no fault.
func (c *File) writing(f func() error) error {
	err := typedmem.Guard(f)
	if fault := (*typedmem.FaultError)(nil); errors.As(err, &fault) && sys.OutOfSpace(err) {
		err = fmt.Errorf("the header cannot be written: %w", sys.ErrNoSpace)
	}
	return sys.SpaceError(c.path, err)
}

// Open opens a file and checks that it holds what spec says. write takes the writer lock. A file
// that is damaged, foreign or too short is an error that wraps ErrCorrupt, ErrLayout or
// ErrTruncated and leaves the file as it was.
func Open(path string, spec Spec, write bool) (_ *File, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: it is a %v and no regular file: %w", path, info.Mode().Type(), typedmem.ErrOperation)
	}
	f, err := sys.OpenFile(path, write)
	if err != nil {
		return nil, err
	}
	c := &File{path: path, f: f, spec: spec, writer: write, durable: -1}
	if err := c.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), c.release())
	}
	return c, nil
}

func (c *File) open() error {
	if c.writer {
		if err := c.lock(); err != nil {
			return err
		}
	}
	info, err := c.f.Stat()
	if err != nil {
		return err
	}
	buffer := blocks.Get().(*headerBlock)
	defer blocks.Put(buffer)
	block := buffer[:]
	if err := c.readHeader(block, info.Size()); err != nil {
		return err
	}
	if err := c.spec.matches(c.header); err != nil {
		return err
	}
	c.synced = c.header.length
	c.left = leftBy(block[liveOffset:])
	c.unsure = c.left == LeftKilled || c.left == LeftUnknown
	n, writing, torn := liveLength(block[liveOffset:])
	for i := 0; torn && !c.writer && i < again; i++ {
		if err := readBlock(c.f, block); err != nil {
			return err
		}
		n, writing, torn = liveLength(block[liveOffset:])
	}
	if torn { // no store is at work: the length is damaged, and the synced one may leave out elements, which a writer would clear
		return errLengthWord
	}
	if writing {
		c.header.length = n
	}
	if _, err := c.header.dataBytes(); err != nil {
		return err
	}
	if !c.writer {
		return nil
	}
	c.openDirectory() // the process that made the file may not have synced its entry
	return c.mapBlock()
}

var errLengthWord = fmt.Errorf("the length word of the live record: %w", typedmem.ErrCorrupt)

// Begin announces a writer that has opened the file, and the length that Open found, in the live
// record. It comes once the data is repaired and the length is in the header copies (see Dirty): a
// writer that is killed while it begins leaves no live record. durable has the record on the device
// when Begin returns: for data of which a writer after a power failure must know that there was
// this one (see Left).
func (c *File) Begin(durable bool) error {
	return c.writing(func() error {
		c.live.begin(c.header.length)
		if !durable {
			return nil
		}
		return c.block.Flush(liveOffset, liveOffset+liveSize)
	})
}

// lock takes the writer lock.
func (c *File) lock() error {
	if err := sys.LockFile(c.f); err != nil {
		return c.lockedBy(err)
	}
	c.locked = true
	return nil
}

// release gives the lock up and closes the file. A child process that another goroutine is starting
// at this moment keeps the descriptor, and with it the lock, until it runs its program: so closing
// alone is not enough.
func (c *File) release() error {
	var err error
	if c.locked {
		err = sys.UnlockFile(c.f)
	}
	return errors.Join(err, c.closeDirectory(), c.closeFile())
}

// lockedBy names the process that has the lock.
func (c *File) lockedBy(err error) error {
	if !errors.Is(err, sys.ErrLocked) {
		return err
	}
	who := "another writer"
	record := make([]byte, liveSize)
	if _, e := c.f.ReadAt(record, liveOffset); e == nil {
		if pid := livePID(record); pid != 0 {
			who = fmt.Sprintf("the writer in process %d", pid)
		}
	}
	return fmt.Errorf("%s has it open, and a file has one writer at a time; open it read-only, or wait: %w", who, typedmem.ErrBusy)
}

// headerBlock is what an open reads: both copies of the header and the live record.
type headerBlock [liveOffset + liveSize]byte

// blocks keeps the buffers of opens: one is so large that a new one each time would be most of the
// work.
var blocks = sync.Pool{New: func() any { return new(headerBlock) }}

// readBlock reads what the header block says; a file that ends early gives a short answer padded
// with zeros.
func readBlock(f *os.File, block []byte) error {
	n, err := f.ReadAt(block, 0)
	if err != nil && err != io.EOF {
		return err
	}
	clear(block[n:])
	return nil
}

// readHeader reads the header block, from the mapped one where it is mapped, and takes over the
// valid copy that was written last. A reader may have read both copies while a writer was at them,
// one after the other: so it reads again until one is valid, or until the file does not change any
// more.
func (c *File) readHeader(block []byte, size int64) error {
	var before uint32
	for same, i := 0, 0; ; i++ {
		reading()
		if c.block != nil {
			copy(block, c.bytes())
		} else if err := readBlock(c.f, block); err != nil {
			return err
		}
		copies, err := newest(block, size)
		if err == nil {
			c.header, c.durable, c.heal = copies.header, copies.index, copies.other != nil
			return nil
		}
		sum := crc32.ChecksumIEEE(block[:liveOffset])
		if same++; i == 0 || sum != before {
			same, before = 0, sum
		}
		if c.writer || same == alike || i == again {
			return err
		}
		runtime.Gosched()
	}
}

// reading is called before the header is read, for tests.
var reading = func() {}

// alike is how often in a row both copies must be unusable in the same way: a writer never has both
// half-written, and writes each anew.
const alike = 3

// chosen is a valid header copy, which of the two it is, and what is wrong with the other one.
type chosen struct {
	*header
	index int
	other error
}

// newest decodes both copies and chooses the valid one that was written last.
func newest(block []byte, size int64) (none chosen, err error) {
	a, errA := decode(block[:copySpace])
	b, errB := decode(block[copySpace:liveOffset])
	// No damage changes both alike; but a power failure may have left a new file's marks without
	// their versions.
	if v, other := errA.(errVersion); other && v > Version && errA == errB {
		return none, fmt.Errorf("it has %w: %w", v, typedmem.ErrLayout)
	}
	switch {
	case a == nil && b == nil && size < DataOffset && !(errA == errNoMagic && size >= int64(len(magic))):
		return none, fmt.Errorf("%d bytes, a header takes %d: %w", size, DataOffset, typedmem.ErrTruncated)
	case a == nil && b == nil && errA == errNoMagic && errB == errNoMagic:
		return none, fmt.Errorf("%w: %w", errNoMagic, typedmem.ErrCorrupt)
	case a == nil && b == nil:
		return none, fmt.Errorf("both copies of the header are unusable (%v; %v): %w", errA, errB, typedmem.ErrCorrupt)
	case size < DataOffset:
		return none, fmt.Errorf("%d bytes, a header takes %d: %w", size, DataOffset, typedmem.ErrTruncated)
	case b == nil || a != nil && a.sequence > b.sequence:
		return chosen{a, 0, errB}, nil
	}
	return chosen{b, 1, errA}, nil
}

func (c *File) mapBlock() error {
	r := mem.Request{Size: DataOffset, File: c.f, HasFile: true, Flags: flags.Shared, Protection: flags.Read, WithinFile: true, FileOwner: c}
	if c.writer {
		r.Protection |= flags.Write
	}
	m, err := mem.Map[*typedmem.Mapping](r)
	if err != nil {
		return err
	}
	c.block = m
	c.live = liveRecord{c.bytes()[liveOffset : liveOffset+liveSize]}
	c.word = c.live.word()
	return nil
}

// bytes is the mapped header block. It does not go through Mapping.Bytes, so that an abandoned file
// is released by the collector.
func (c *File) bytes() []byte {
	// SAFETY: the block is mapped DataOffset bytes long until Close, and c keeps it; nothing of the
	// slice leaves this package.
	return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), c.block.Addr())), DataOffset)
}

// Handle returns the open file.
func (c *File) Handle() *os.File { return c.f }

// Writer reports whether the file was created or opened for writing.
func (c *File) Writer() bool { return c.writer }

// Zero makes bytes of the file read as zero.
func (c *File) Zero(off, n int64) error {
	return printing.Named(c.path, sys.Zero(c.f, off, n))
}

// Length returns the length in elements that the file had when it was opened or last refreshed.
func (c *File) Length() int { return int(c.header.length) }

// Shorten sets the length to one that is less: the data ends before what the header says. It comes
// before Begin.
func (c *File) Shorten(n int) {
	h := *c.header
	h.length = uint64(n)
	c.header = &h
}

// Capacity returns the slots of a slab file.
func (c *File) Capacity() uint64 { return c.header.capacity }

// Salt returns the salt of a slab file.
func (c *File) Salt() uint64 { return c.header.salt }

// Left returns how the last writer had left the file when it was opened.
func (c *File) Left() Left { return c.left }

// Whole returns ErrTruncated where somebody has cut the file off before the byte end, at which its
// data ends: some of it is lost.
func (c *File) Whole(end int64) error {
	info, err := c.f.Stat()
	if err == nil && info.Size() < end {
		return fmt.Errorf("%s was cut off at byte %d, its data ends at byte %d: %w", c.path, info.Size(), end, typedmem.ErrTruncated)
	}
	return err
}

// Publish makes the length n known to readers in other processes and to the next open after a crash
// of this one. The elements must be written before. On a full disk it may be an error, and the
// length before stays.
func (c *File) Publish(n int) error {
	if !mem.Of(c.block).Frail() {
		c.live.publish(uint64(n))
		return nil
	}
	err := mem.Of(c.block).WriteWord(liveOffset+liveWordAt, littleEndian(packLength(uint64(n))))
	return sys.SpaceError(c.path, err)
}

// Refresh reads the length that the writer published last. A file that was cut off meanwhile is an
// error.
func (c *File) Refresh() (n int, err error) {
	if c.block == nil {
		if err := c.mapBlock(); err != nil {
			return 0, printing.Named(c.path, err)
		}
	}
	err = typedmem.Guard(func() error {
		n, err = c.refresh()
		return err
	})
	return n, err
}

func (c *File) refresh() (int, error) {
	block := c.bytes()
	n, writing, torn := liveLength(block[liveOffset : liveOffset+liveSize])
	for i := 0; torn && i < again; i++ {
		runtime.Gosched()
		n, writing, torn = liveLength(block[liveOffset : liveOffset+liveSize])
	}
	if torn {
		return 0, fmt.Errorf("%s: %w", c.path, errLengthWord)
	}
	if !writing {
		h, err := c.readAgain()
		if err != nil {
			return 0, err
		}
		n = h.length
	} else if !c.holds(block) {
		if _, err := c.readAgain(); err != nil {
			return 0, err
		}
	}
	h := *c.header
	h.length = n
	if _, err := h.dataBytes(); err != nil {
		return 0, err
	}
	c.header = &h
	return int(n), nil
}

// readAgain reads the header of the open file anew. Somebody may have written another file's
// contents over it: those are no longer what the caller asked for when it opened the file.
func (c *File) readAgain() (*header, error) {
	buffer := blocks.Get().(*headerBlock)
	defer blocks.Put(buffer)
	now := File{f: c.f, spec: c.spec, block: c.block}
	err := now.readHeader(buffer[:], DataOffset)
	if err == nil {
		err = c.spec.matches(now.header)
	}
	if err == nil && (now.header.capacity != c.header.capacity || now.header.salt != c.header.salt) {
		err = fmt.Errorf("it holds the objects of another file now: %w", typedmem.ErrLayout)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	return now.header, nil
}

// Foreign reports whether err says that others have cut the file off or written another file's
// contents over it: what an open file holds cannot be saved then.
func Foreign(err error) bool {
	return errors.Is(err, typedmem.ErrTruncated) || errors.Is(err, typedmem.ErrLayout)
}

// holds reports whether a copy of the header still says what the file holds: all that is the same
// in every copy that a writer writes.
func (c *File) holds(block []byte) bool {
	for _, b := range [][]byte{block[:copySpace], block[copySpace:liveOffset]} {
		if c.header.describes(b) {
			return true
		}
	}
	return false
}

// writeCopy writes one of the two copies with the length n.
func (c *File) writeCopy(i int, n uint64) {
	c.header.sequence++
	h := *c.header
	h.length = n
	h.encode(c.bytes()[i*copySpace : (i+1)*copySpace])
}

// Sync makes the length n durable behind the data: flushData returns when the first n elements are
// on the device, then one header copy follows and is flushed while the other still states the
// length before, then the other. A crash between any two writes leaves a valid copy whose elements
// are all there. A header that was cut off is an error. On error the length before stays the
// durable one.
func (c *File) Sync(n int, flushData func() error) error {
	if err := flushData(); err != nil {
		return printing.Named(c.path, err)
	}
	err := c.writing(func() error { return c.sync(n) })
	if err != nil { // a copy may be half written
		c.heal = true
	}
	return printing.Named(c.path, err)
}

func (c *File) sync(n int) error {
	if !c.holds(c.bytes()) {
		return fmt.Errorf("%s: another file's contents were written over it: %w", c.path, typedmem.ErrLayout)
	}
	if err := c.syncDirectory(); err != nil {
		return err
	}
	if !c.settled { // what a writer before this one left may not be on the device yet
		if err := c.block.Flush(0, liveOffset); err != nil {
			return err
		}
		c.settled = true
	}
	if uint64(n) == c.synced && c.durable >= 0 && !c.heal && !c.unsure {
		return nil
	}
	// The copy that is known to be on the device stays as it is until the other one is there as
	// well.
	first := max(1-c.durable, 0) & 1
	c.writeCopy(first, uint64(n))
	if err := c.flushCopy(first); err != nil {
		// The copy is newer than the other one and would count: it states what was acknowledged
		// again.
		c.writeCopy(first, c.synced)
		c.unsure = c.flushCopy(first) != nil
		return err
	}
	c.durable, c.synced, c.heal, c.unsure = first, uint64(n), false, false
	c.writeCopy(1-first, uint64(n))
	return nil
}

func (c *File) flushCopy(i int) error { return c.block.Flush(i*copySpace, (i+1)*copySpace) }

// Dirty reports whether the length n is other than the one that is known to be durable.
func (c *File) Dirty(n int) bool { return c.writer && (uint64(n) != c.synced || c.unsure) }

// openDirectory keeps the directory for the first Sync: its name may be another one by then. One
// that may be written and not be read cannot be opened: SyncEntry then does without.
func (c *File) openDirectory() {
	c.unnamed = true
	if runtime.GOOS == "windows" { // there the file system logs entries itself, and a directory cannot be flushed
		c.unnamed = false
		return
	}
	if d, err := openDirectoryOf(c.path); err == nil {
		c.dir = d
	}
}

// syncDirectory makes the file's entry in its directory durable, once.
func (c *File) syncDirectory() error {
	if !c.unnamed {
		return nil
	}
	sync := sys.SyncEntry
	f := c.f
	if c.dir != nil {
		sync, f = sys.SyncFile, c.dir.File
	}
	if err := sync(f); err != nil {
		return err
	}
	c.unnamed = false
	return c.closeDirectory()
}

func (c *File) closeDirectory() error {
	if c.dir == nil {
		return nil
	}
	d := c.dir
	c.dir = nil
	return d.Close()
}

// Close ends the writer's session, or the reader's. A writer cuts the file to size bytes and the
// rest of that page, where size is not negative: what it had set aside ahead. An end inside a page
// is where file systems with smaller blocks have lost what was stored behind it later. The length
// must have been synced before if Dirty says so. Of a file that others cut off everything is given
// back all the same, with an error.
func (c *File) Close(size int64) error {
	var err error
	if c.writer {
		// On a full disk the live record stays: as if the writer had been killed, which has nothing
		// unsynced.
		if err = typedmem.Guard(func() error { c.live.end(); return nil }); sys.OutOfSpace(err) {
			err = nil
		}
	}
	if c.block != nil {
		err = errors.Join(err, c.block.Close())
	}
	if c.writer && size >= 0 {
		c.cut(size)
	}
	return errors.Join(err, c.release())
}

// cut makes the file as short as whole pages for so many bytes are.
func (c *File) cut(size int64) {
	page := int64(sys.PageSize())
	size = (size + page - 1) / page * page
	if info, err := c.f.Stat(); err == nil && info.Size() > size {
		// A reader's mapping may hold the length on some systems; the space ahead then stays until
		// the next writer closes.
		_ = c.f.Truncate(size)
	}
}

// Abandon closes a file that Open opened and changes nothing: what the last writer left stays as it
// is.
func (c *File) Abandon() error {
	var err error
	if c.block != nil {
		err = c.block.Close()
	}
	return errors.Join(err, c.release())
}
