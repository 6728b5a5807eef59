package typedmem

import "github.com/typedmem/typedmem/internal/sys"

// Flush writes what changed in the bytes [lo, hi) of a shared file mapping to the file, and returns
// when it is on the device. The range may have any alignment. Anonymous and private memory have
// nothing to write. A reserved range returns [ErrOperation].
//   - Unix: msync(2) with MS_SYNC. The kernel reports an error of the device, or a full one, once,
//     and counts the pages that it could not write as written. So the mapping and its parts
//     remember it: each later Flush returns that error too.
//   - Windows: FlushViewOfFile and FlushFileBuffers.
func (m *Mapping) Flush(lo, hi int) error { return m.flush("flush", lo, hi, false) }

// FlushAsync starts the writing that [Mapping.Flush] does, and does not wait for it.
//   - Linux: MS_ASYNC does nothing; the kernel writes changed pages by itself in any case.
func (m *Mapping) FlushAsync(lo, hi int) error { return m.flush("flush async", lo, hi, true) }

func (m *Mapping) flush(op string, lo, hi int, async bool) error {
	return m.onRange(op, lo, hi, needCommitted, func(w work) error {
		if !m.plan.HasFile || !m.Shared() {
			return nil
		}
		return m.plan.Writeback.Do(func() error { return sys.Flush(w.addr, w.n, m.plan.File, async) }, sys.LosesPages)
	})
}

// FlushInstructionCache makes code that was written to the mapping visible to instruction fetches
// of all processors. The mapping must be readable.
//   - amd64, 386, s390x: the processor does that by itself.
//   - arm64, ppc64: instructions of the processor; riscv64, arm and mips on Linux: a system call;
//     loong64: a barrier. Windows: the API of that name.
//   - Elsewhere errors.ErrUnsupported.
func (m *Mapping) FlushInstructionCache() error {
	const op, needs = "flush instruction cache", needCommitted | needReadable
	if err := m.look(op, needs); err != nil {
		return err
	}
	return m.work(op, needs, work{addr: m.span.base, n: m.span.filled(m.plan.unit)}, m.mu.RUnlock, m.flushInstructionCache)
}

// flushInstructionCache is the system's, on whole pages of m. On some processors the instructions
// for that touch the memory, and a page may not come.
func (m *Mapping) flushInstructionCache(w work) error {
	err := m.span.untakenAt(w.addr, w.n, func(addr uintptr, n int) (err error) {
		if fault := touching(func() { err = sys.FlushInstructionCache(addr, n) }); fault != nil {
			return fault
		}
		return err
	})
	return m.noPage(err, w.addr, w.n)
}
