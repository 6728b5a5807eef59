package slab

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/order"
	"github.com/typedmem/typedmem/internal/slots"
	"github.com/typedmem/typedmem/internal/sys"
)

// copier copies the objects of a slab to a file, all as they are at one instant. It looks at all
// words again and again, and after each look copies the objects whose words have changed. A word
// counts up and never comes back to what it was. So if a look finds nothing changed, then between
// it and the one before all words were what they are, and each object was copied in between. While
// others change objects faster than that, see stopped. A word counts Stores modulo 1<<31, as a Load
// does.
type copier struct {
	c     *core
	to    *container.File
	slots int64 // where the slots begin in it

	// The words as they were when each slot was copied last. The lower half of a free slot's is 0:
	// it is a link that changes while the slot is free.
	seen  *typedmem.Mapping
	first unsafe.Pointer
	used  int      // how many words were looked at
	guard []uint64 // the same for guard slots

	end int // the slots up to here have been used

	keeps bool   // copies go to memory first
	kept  []part // what is to be written to the file, in this order
	arena []byte // where its bytes are
	size  int    // how many

	busy     bool // the last look found an object inside a Store or an Update, which counts as a change
	patience time.Time
}

// part is what belongs at an offset in the file.
type part struct {
	off   int64
	bytes []byte
}

const (
	copyWindow = 16 << 20  // bytes of slots that are looked at before some are copied
	copyGap    = 16 << 10  // bytes between two objects that are copied along with them
	copyKept   = 64 << 20  // bytes that are kept, unless the writers are stopped
	copyBlock  = 256 << 10 // bytes that are written at once of what was kept
	copyFew    = 256       // changes that are left for when the writers are stopped
	mostTries  = 100       // looks that find changes, before Snapshot gives up after mostPatience
)

// mostPatience is for how long Snapshot tries to find an instant.
var mostPatience = 10 * time.Second

// everything is in core.waited while writers are stopped. It is no handle: there are fewer slots.
const everything = 1<<64 - 1

var errChanging = fmt.Errorf("for %v objects were changed or inside an Update whenever Snapshot looked: %w", mostPatience, typedmem.ErrBusy)

// begin maps memory for the words.
func (s *copier) begin() (err error) {
	s.seen, err = mem.Map[*typedmem.Mapping](mem.Request{
		Size: s.c.pool.Used() * 8, Capacity: int(s.c.pool.Cap) * 8, Flags: flags.NoReserve, Protection: flags.Read | flags.Write,
	})
	if err != nil {
		return fmt.Errorf("memory for the words: %w", err)
	}
	// SAFETY: the address of a mapping that s keeps until it is done, off the Go heap.
	s.first = unsafe.Add(unsafe.Pointer(nil), s.seen.Addr())
	s.guard = make([]uint64, len(s.c.guards.slots))
	return nil
}

// copy copies until the copy is of one instant.
func (s *copier) copy() error {
	if err := s.copyFirst(); err != nil {
		return err
	}
	start := time.Now()
	to := s.write // memory is faster than the file: fewer objects change meanwhile
	for try, before := 0, s.used; ; try++ {
		changed, err := s.look(to)
		switch {
		case err != nil:
			return err
		case changed == 0:
			return s.writeKept()
		case try > mostTries && time.Since(start) > mostPatience:
			return errChanging
		case !s.keeps && (changed*int(s.c.pool.Size) < copyKept || changed > before/2):
			to, s.keeps, before = s.keep, true, changed*2+1
		case s.keeps && s.c.reads():
		case !s.keeps || changed > copyFew && changed < before/2:
			before = changed
		default:
			if done, err := s.stopped(100 * time.Microsecond << min(try, 6)); err != nil {
				return err
			} else if done {
				return s.writeKept()
			}
			if s.busy { // the function of an Update may need what was stopped
				slots.Pause(1 << 14)
			}
		}
	}
}

// copyFirst makes a first copy of all objects: of a file by the file system.
func (s *copier) copyFirst() error {
	f := s.c.file()
	if f == nil || s.c.first() != s.c.m || !container.StoresShowInFile || f.f.Unwritten() != nil {
		_, err := s.look(s.write)
		return err
	}
	if _, err := s.look(func(_, hi int) error { return s.c.readable(hi) }); err != nil {
		return err
	}
	if err := s.c.intact(s.end); err != nil {
		return err
	}
	flush := func(lo, hi int64) error {
		return s.c.m.Flush(int(lo-s.slots), min(int(hi-s.slots), s.c.m.Len()))
	}
	return s.to.CopyFrom(f.f.Handle(), s.slots, s.at(s.end), flush)
}

// stopped copies while no goroutine of this process changes an object, except for those that have
// begun to, until the copy is of one instant. It gives up where an Update takes longer than
// patience: its function may wait for what was stopped.
func (s *copier) stopped(patience time.Duration) (done bool, err error) {
	defer s.c.pool.Stop()()
	defer s.c.waited.Store(0)
	s.patience = time.Now().Add(patience)
	defer func() { s.patience = time.Time{} }()
	for {
		s.c.waited.Store(everything)
		changed, err := s.look(s.keep)
		if err != nil || changed == 0 {
			return err == nil, err
		}
		if s.busy && s.late() {
			return false, nil
		}
	}
}

func (s *copier) late() bool { return !time.Now().Before(s.patience) }

// look looks at all words, and calls copy for the slots [lo, hi) where objects have changed since
// the last look, and some between them. It returns how many words have changed.
func (s *copier) look(copy func(lo, hi int) error) (changed int, err error) {
	s.c.kind.follow()
	order.Fence() // what was copied is read before the words
	p, used := &s.c.pool, s.c.pool.Used()
	if used > s.used {
		if err := s.seen.Resize(used * 8); err != nil {
			return 0, err
		}
		s.used = used
	}
	s.busy = false
	gap := copyGap / int(p.Size)
	if s.keeps { // in memory each byte counts
		gap = 0
	}
	err = typedmem.Guard(func() error { // a file may be cut off at any moment
		window := max(copyWindow/int(p.Size), 1)
		for lo := 0; lo < used; lo += window {
			from, to := 0, 0 // what has to be copied
			for i := lo; i < min(lo+window, used); i++ {
				word, seen := slots.Load(p.Word(uintptr(i))), slots.WordAt(s.first, uintptr(i))
				if !slots.IsLive(word) {
					word &^= slots.OneGeneration - 1
				}
				if word == *seen && word&slots.Busy == 0 || !s.note(i, word, seen) {
					continue
				}
				changed++
				if now := *seen; !slots.IsLive(now) || now&slots.Busy != 0 {
					continue
				}
				if from < to && i-to > gap {
					if err := copy(from, to); err != nil {
						return err
					}
					from = i
				} else if from == to {
					from = i
				}
				to = i + 1
			}
			if from < to {
				if err := copy(from, to); err != nil {
					return err
				}
			}
		}
		return nil
	})
	s.c.guards.look(func(k int, word uint64, object []byte) {
		if word == s.guard[k] && word&slots.Busy == 0 {
			return
		}
		changed++
		s.busy = s.busy || word&slots.Busy != 0
		s.guard[k] = word
		s.end = int(p.Cap) + len(s.guard)
		if object != nil {
			s.add(int(p.Cap)+k, object)
		}
	})
	return changed, err
}

// note records a word that is not what it was, or is busy, and reports whether that counts.
func (s *copier) note(i int, word uint64, seen *uint64) bool {
	for spin := 0; slots.IsLive(word) && word&slots.Busy != 0 && (spin < 32 || !s.patience.IsZero() && !s.late()); spin++ {
		slots.Pause(spin)
		word = slots.Load(s.c.pool.Word(uintptr(i)))
	}
	if !slots.IsLive(word) {
		word &^= slots.OneGeneration - 1
	}
	before := *seen
	*seen = word
	s.busy = s.busy || word&slots.Busy != 0
	s.end = max(s.end, i+1)
	// A slot that was never used has a word of 0, or one of its first generation.
	unused := before == 0 && word == uint64(slots.FirstGeneration(s.c.pool.Salt, uint32(i)))<<32
	return !unused && (word != before || word&slots.Busy != 0)
}

// at returns where slot i is in the file.
func (s *copier) at(i int) int64 { return s.slots + int64(i)*int64(s.c.pool.Size) }

// readable returns an error unless the slots up to hi can be read.
func (c *core) readable(hi int) error {
	i := uintptr(hi - 1)
	if seen := c.pool.Limits.Readable(); c.pool.End(i) > seen {
		return c.pool.Refusal(i, seen)
	}
	return nil
}

// memory returns the slots [lo, hi).
func (s *copier) memory(lo, hi int) ([]byte, error) {
	if err := s.c.readable(hi); err != nil {
		return nil, err
	}
	// SAFETY: slots in use, which were just found readable and are off the Go heap. If they are
	// taken away meanwhile the kernel refuses to read them, or Guard catches the fault.
	return unsafe.Slice((*byte)(s.c.pool.Slot(uintptr(lo))), (hi-lo)*int(s.c.pool.Size)), nil
}

// write copies the slots [lo, hi) to the file.
func (s *copier) write(lo, hi int) error {
	b, err := s.memory(lo, hi)
	if err != nil {
		return err
	}
	if err := s.to.Write(b, s.at(lo)); err != nil {
		return errors.Join(s.c.readable(hi), err)
	}
	return nil
}

// keep copies the slots [lo, hi) to memory. While the writers are stopped it takes as much as it
// needs: they must not wait for the file.
func (s *copier) keep(lo, hi int) error {
	b, err := s.memory(lo, hi)
	if err == nil && s.size > copyKept && s.patience.IsZero() {
		err = s.writeKept()
	}
	if err == nil {
		s.add(lo, b)
	}
	return err
}

// add keeps what belongs to the slots from lo on.
func (s *copier) add(lo int, b []byte) {
	const step = 1 << 20
	if cap(s.arena)-len(s.arena) < len(b) {
		s.arena = make([]byte, 0, max(step, len(b)))
	}
	s.arena = append(s.arena, b...)
	s.size += len(b)
	b = s.arena[len(s.arena)-len(b):]
	for off := s.at(lo); len(b) > 0; { // a part lies in one block
		n := min(int64(len(b)), copyBlock-off%copyBlock)
		s.kept = append(s.kept, part{off, b[:n]})
		off, b = off+n, b[n:]
	}
}

// writeKept writes to the file what was copied to memory. Small parts would take a call each, so
// where there are several in a block it reads and writes the block. The last copy of an object
// counts: the parts of a block stay in their order.
func (s *copier) writeKept() error {
	defer func() { s.kept, s.arena, s.size = nil, nil, 0 }()
	slices.SortStableFunc(s.kept, func(a, b part) int { return cmp.Compare(a.off/copyBlock, b.off/copyBlock) })
	block := make([]byte, copyBlock)
	for all := s.kept; len(all) > 0; {
		n, lo, hi := 0, all[0].off, all[0].off
		for ; n < len(all) && all[n].off/copyBlock == all[0].off/copyBlock; n++ {
			lo, hi = min(lo, all[n].off), max(hi, all[n].off+int64(len(all[n].bytes)))
		}
		b := all[0].bytes
		if n > 1 {
			b = block[:hi-lo]
			if got, err := s.to.Handle().ReadAt(b, lo); err == io.EOF {
				clear(b[got:])
			} else if err != nil {
				return err
			}
			for _, p := range all[:n] {
				copy(b[p.off-lo:], p.bytes)
			}
		}
		if err := s.to.Write(b, lo); err != nil {
			return err
		}
		all = all[n:]
	}
	return nil
}

// finish writes the words, and makes the file long enough for the slots.
func (s *copier) finish() error {
	const step = 1 << 16
	b := make([]byte, 0, step*8)
	words := min(s.end, s.used)
	for lo := 0; lo < words; lo += step {
		b = b[:0]
		for i := lo; i < min(lo+step, words); i++ {
			b = binary.NativeEndian.AppendUint64(b, wordIn(s.to.Salt(), i, *slots.WordAt(s.first, uintptr(i))))
		}
		if err := s.to.Write(b, container.DataOffset+int64(lo)*8); err != nil {
			return err
		}
	}
	b = b[:0]
	for k, word := range s.guard {
		b = binary.NativeEndian.AppendUint64(b, wordIn(s.to.Salt(), int(s.c.pool.Cap)+k, word))
	}
	if err := s.to.Write(b, container.DataOffset+int64(s.c.pool.Cap)*8); err != nil {
		return err
	}
	info, err := s.to.Handle().Stat()
	if err != nil {
		return err
	}
	page := int64(sys.PageSize())
	if end := (s.at(s.end) + page - 1) / page * page; info.Size() < end {
		return s.to.Handle().Truncate(end)
	}
	return nil
}

// wordIn returns what a copy with this salt has for slot i, whose word in the origin is word.
func wordIn(salt uint64, i int, word uint64) uint64 {
	g := slots.Generation(word)
	switch {
	case word == 0:
		return 0
	case slots.IsLive(word):
		return slots.InheritedWord(salt, uint32(i), g)
	}
	if g = slots.Continue(salt, uint32(i), g); g == slots.FirstGeneration(salt, uint32(i)) {
		return 0
	}
	return slots.FileWord(salt, uint32(i), g)
}
