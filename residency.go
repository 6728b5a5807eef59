package typedmem

import (
	"github.com/typedmem/typedmem/internal/num"
	"github.com/typedmem/typedmem/internal/sys"
)

// Prefetch tells the system that the bytes [lo, hi) will be read soon, and returns without waiting
// for them. It is a hint: a page that cannot come is no error here. Use [Mapping.Prefault] to wait,
// and to learn of errors. The mapping must be readable.
//   - Linux: process_madvise(2) or madvise(2) with MADV_WILLNEED, in pieces that the kernel reads
//     whole. Other Unix: MADV_WILLNEED. Windows: PrefetchVirtualMemory.
func (m *Mapping) Prefetch(lo, hi int) error {
	return m.onRange("prefetch", lo, hi, needCommitted|needReadable, func(w work) error {
		return m.hint(w.addr, w.n)
	})
}

// Resident returns how many of the bytes [lo, hi) are in memory now; the system may drop pages or
// bring them in at any time. A page of a file counts when the system has it for anybody: an access
// does not wait for the device. Pages past the end of a file do not count. The mapping must be
// readable. Where the system does not tell, the error wraps errors.ErrUnsupported.
//   - Linux, NetBSD: mincore(2). They tell about a file only those who own it or may write it.
//   - macOS, iOS, FreeBSD, DragonFly: mincore(2); here too the owner and writers only. FreeBSD may
//     count only what this process has touched.
//   - Windows: QueryWorkingSetEx, which counts only pages that this process has touched lately.
//   - OpenBSD: errors.ErrUnsupported.
func (m *Mapping) Resident(lo, hi int) (bytes int, err error) {
	err = m.onRange("resident", lo, hi, needCommitted|needReadable, func(w work) error {
		bytes, err = m.countResident(w, m.addr.Load(), lo, hi)
		return err
	})
	if err != nil {
		return 0, err
	}
	return bytes, nil
}

// countResident counts the bytes [lo, hi) from the address first on that are in memory; w are the
// pages that hold them. It needs no lock, and does no harm where the mapping is gone.
func (m *Mapping) countResident(w work, first uintptr, lo, hi int) (bytes int, err error) {
	var pages [1024]byte
	page := sys.PageSize()
	offset := m.start + int64(first)
	from, to := first+uintptr(lo), first+uintptr(hi)
	if size, ok := m.shows.Load().size(); ok && size < offset+int64(hi) {
		end := first + uintptr(max(size-offset, 0))
		to = min(to, num.Down(end+uintptr(page)-1, uintptr(page))) // the page in which the file ends is whole
	}
	for at, end := w.addr, w.addr+uintptr(w.n); at < end && at < to; at += uintptr(len(pages) * page) {
		n := min(int(end-at), len(pages)*page)
		if err := m.resident(at, n, pages[:]); err != nil {
			return 0, err
		}
		for i, there := range pages[:n/page] {
			lo, hi := at+uintptr(i*page), at+uintptr((i+1)*page)
			if lo, hi = max(lo, from), min(hi, to); there != 0 && lo < hi {
				bytes += int(hi - lo)
			}
		}
	}
	return bytes, nil
}
