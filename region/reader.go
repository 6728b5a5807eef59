package region

import (
	"fmt"
	"io"
	"sync"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/resident"
	"github.com/typedmem/typedmem/internal/shell"
)

// Reader reads the bytes of a view for packages that take an [io.Reader], [io.ReadSeeker],
// [io.ReaderAt] or [io.WriterTo]. It copies: nothing that it hands out refers to the memory.
//
// A Reader does not fault. It brings the pages of a file into memory by system calls, which leave
// the other goroutines running, before it copies from them; a page that cannot be read is an error.
// Read and WriteTo read ahead, up to 1 MiB.
//
// Read, Seek and WriteTo share a position, so one goroutine at a time may use them. ReadAt and Size
// are safe for concurrent use. The zero Reader is empty.
//
// A web server sends the bytes, or parts of them that a browser asks for, by
//
//	http.ServeContent(w, req, "name.bin", time.Time{}, region.NewReader(r.View()))
type Reader struct {
	v     View[byte]
	at    int64 // the position, bytes
	there int   // up to there pages were brought in
	since resident.Period
	step  int // bytes to bring in at once; 0 before the first
}

// NewReader returns a Reader of v, at its first byte. For the bytes of a view of another type see
// [View.Bytes].
func NewReader(v View[byte]) *Reader { return &Reader{v: v} }

// Size returns the length of the view in bytes, whatever the position is.
func (r *Reader) Size() int64 { return int64(r.v.n) }

// Read reads the bytes at the position, and moves it. At the end it returns io.EOF. Other errors
// come with all the bytes before those that they concern:
//
//   - [typedmem.ErrTruncated], or the system's error of reading the file, such as EIO: a page
//     cannot be read.
//   - [typedmem.ErrClosed], [typedmem.ErrBounds], [typedmem.ErrProtection] and
//     [typedmem.ErrOperation], as in [View.Load].
func (r *Reader) Read(p []byte) (n int, err error) {
	if r.at >= int64(r.v.n) {
		return 0, io.EOF
	}
	for len(p) > n && r.at < int64(r.v.n) {
		k, err := r.copyAt(p[n:], int(r.at), true)
		n, r.at = n+k, r.at+int64(k)
		if err != nil {
			return n, shell.Fail("read", err)
		}
	}
	return n, nil
}

// ReadAt reads len(p) bytes from the byte off on, and leaves the position alone. If there are
// fewer, it reads those and returns io.EOF. An off below 0 is [typedmem.ErrBounds]. The other
// errors are those of Read.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, shell.Fail("read at", fmt.Errorf("byte %d: %w", off, typedmem.ErrBounds))
	}
	for len(p) > n && off < int64(r.v.n) {
		k, err := r.copyAt(p[n:], int(off), false)
		n, off = n+k, off+int64(k)
		if err != nil {
			return n, shell.Fail("read at", err)
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Seek sets the position, as [io.Seeker] says. A position below 0, or an unknown whence, is
// [typedmem.ErrBounds]. A position past the end is none: Read then returns io.EOF.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	from := int64(0)
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		from = r.at
	case io.SeekEnd:
		from = int64(r.v.n)
	default:
		return 0, shell.Fail("seek", fmt.Errorf("whence %d is none of io.SeekStart, SeekCurrent and SeekEnd: %w", whence, typedmem.ErrBounds))
	}
	to := from + offset
	if to < 0 || offset > 0 && to < from {
		return 0, shell.Fail("seek", fmt.Errorf("%d bytes from byte %d on is no position: %w", offset, from, typedmem.ErrBounds))
	}
	r.at = to
	return to, nil
}

// WriteTo writes the bytes from the position to the end to w, and moves the position. Errors are
// those of w and of Read. [io.Copy] calls it.
func (r *Reader) WriteTo(w io.Writer) (n int64, err error) {
	if r.at >= int64(r.v.n) {
		return 0, nil
	}
	buf := copyBuffers.Get().(*[copyBuffer]byte)
	defer copyBuffers.Put(buf)
	for r.at < int64(r.v.n) {
		k, err := r.copyAt(buf[:], int(r.at), true)
		if err != nil {
			return n, shell.Fail("write to", err)
		}
		wrote, err := w.Write(buf[:k])
		if wrote < 0 || wrote > k {
			return n, shell.Fail("write to", fmt.Errorf("%T.Write of %d bytes returned %d", w, k, wrote))
		}
		n, r.at = n+int64(wrote), r.at+int64(wrote)
		if err == nil && wrote < k {
			err = io.ErrShortWrite
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// copyBuffer is how many bytes WriteTo writes at once: few enough to stay in the processor's cache,
// and enough for a file system to keep them in large pieces. A file of 1 GiB written with 64 KiB at
// once took 1.3 times as long.
const copyBuffer = 256 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// mostAtOnce is how many bytes are brought in and copied at once: more could push one another out
// of a small memory.
const mostAtOnce = mostStep

var firstIndex = []int{0}

// copyAt copies bytes from the byte at on, which is within the view, to p, which has room for one.
// It returns at least one byte or an error. With inOrder the caller goes on after them.
func (r *Reader) copyAt(p []byte, at int, inOrder bool) (n int, err error) {
	first := uintptr(r.v.first) + uintptr(at)
	n = min(len(p), r.v.n-at, mostAtOnce)
	var fault error
	for range mostTries {
		limit := r.v.limits.Readable()
		if first >= limit {
			return 0, mem.Refusal(limit)
		}
		n = int(min(uintptr(n), limit-first))
		e := extent{first, 1, uintptr(n), uintptr(n), r.v.limits, 0}
		if inOrder {
			err = r.ahead(&e, fault != nil)
		} else {
			err = bring(&e, fault != nil)
		}
		if first+uintptr(n) > r.v.limits.Readable() {
			continue // that is why, and says more
		}
		if err != nil {
			page := uintptr(1) << resident.Shift
			if rest := int(page - first%page); rest < n { // what comes before the page that cannot be read
				n = rest
				continue
			}
			return 0, err
		}
		_, fault = copyRows(p[:n], n, firstIndex, &e, 1)
		if fault == nil && first+uintptr(n) <= r.v.limits.Readable() {
			return n, nil
		}
		// A page has left the memory again, or the mapping has changed. Say what is the matter, or
		// try again.
	}
	if fault == nil {
		return 0, errUnsteady
	}
	return 0, fmt.Errorf("a page of the bytes, or of the slice, left the memory again and again: %w", fault)
}

// bring brings the bytes of e into memory. With all it trusts nothing that is remembered.
func bring(e *extent, all bool) error {
	limit := e.limit()
	if e.below(limit) < 1 {
		return nil // the caller looks again
	}
	if e.size > firstStep {
		return prefault(e, e.size)
	}
	return e.ready(firstIndex, 1, limit, all)
}

// ahead is bring for bytes that are read one after the other. It brings in some that follow, and
// for a short time remembers that.
func (r *Reader) ahead(e *extent, all bool) error {
	from := int(e.first - uintptr(r.v.first))
	now := resident.Now()
	if !all && from+int(e.size) <= r.there && from >= r.there-r.step && now == r.since {
		return nil
	}
	if from != r.there {
		r.step = 0
	}
	r.step = min(max(2*r.step, firstStep), mostStep)
	end := min(max(from+int(e.size), from+r.step), r.v.n)
	if limit := e.limit(); uintptr(r.v.first)+uintptr(end) > limit {
		end = from + int(e.size)
	}
	err := prefault(e, uintptr(end-from))
	if err != nil && end > from+int(e.size) { // bytes that nobody has asked for yet
		end = from + int(e.size)
		err = prefault(e, e.size)
	}
	if err == nil {
		r.there, r.since = end, now
	}
	return err
}

// prefault brings n bytes from the first of e on into memory. Memory that shows no file needs
// nothing.
func prefault(e *extent, n uintptr) error {
	m := mem.Public[*typedmem.Mapping](e.limits)
	if m == nil || !m.FileBacked() {
		return nil
	}
	lo := int(e.first - e.limits.Base())
	return m.Prefault(lo, lo+int(n))
}
