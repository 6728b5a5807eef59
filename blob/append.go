package blob

import (
	"encoding/binary"

	"github.com/typedmem/typedmem/internal/blobs"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// keptScratch is how many bytes of memory a store keeps for its next Append.
const keptScratch = 1 << 20

// Append adds a blob with the bytes of b and returns its Ref. Readers in this process know it at
// once, those of the file in other processes after their next Refresh. No address moves, and views
// stay valid. For no bytes it adds nothing and returns the zero Ref. The store takes 8 bytes more
// than b has, and up to 7 to the next multiple of 8. For the time of the call it takes as much
// memory again, so that the whole blob is published by one step.
//
//   - [typedmem.ErrProtection]: the store was opened for reading.
//   - [typedmem.ErrClosed]: it is closed.
//   - [typedmem.ErrSize]: a blob of 64 GiB, or a store past 512 GiB.
//   - [typedmem.ErrCapacity]: past the reserved addresses; see FileOptions.Capacity.
//   - The system's error: the disk is full, or, beside a [Store.SyncBefore], the blob could not be
//     made durable.
//
// On error nothing can be read that was not there before, unless that last case occurs. Then
// neither [Store.All] nor a [Table] gives out its Ref, or that of a later blob, until a Sync has
// succeeded or the SyncBefore has ended.
func (s *Store) Append(b []byte) (Ref, error) { return add(s, b) }

// AppendString is [Store.Append] for the bytes of a string.
func (s *Store) AppendString(text string) (Ref, error) { return add(s, text) }

func add[T string | []byte](s *Store, x T) (Ref, error) {
	s.appending.Lock()
	defer s.appending.Unlock()
	memory, err := s.open()
	if err != nil {
		return 0, shell.Fail("append", err)
	}
	held := mem.Of(memory.Mapping())
	if err := held.Hold(); err != nil { // a Shutdown in between would take the memory that is written
		return 0, s.failed("append", err)
	}
	defer held.LetGo()
	if len(x) == 0 {
		return 0, nil
	}
	at, n := uint64(memory.Len()), uint64(len(x))
	if err := fits(at, n); err != nil {
		return 0, s.failed("append", err)
	}
	b := append(append(s.scratch[:0], make([]byte, blobs.Unit)...), x...)
	for len(b)%blobs.Unit != 0 {
		b = append(b, 0)
	}
	if cap(b) <= keptScratch {
		s.scratch = b
	}
	mark := blobs.MarkOf(blobs.Fold(blobs.Seed(s.key.Load(), at, n), b[blobs.Unit:]))
	binary.LittleEndian.PutUint64(b, mark<<blobs.LowBits|n)
	if err := memory.Append(b...); err != nil {
		return 0, s.failed("append", err)
	}
	if s.ordered > 0 {
		if err := memory.Sync(); err != nil {
			if s.unsettled == 0 {
				s.unsettled = int(at)
			}
			return 0, s.failed("append", err)
		}
		s.unsettled = 0
	}
	return refOf(mark, at), nil
}
