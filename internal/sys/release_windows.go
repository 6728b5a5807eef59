package sys

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

func hold(addr uintptr, n int) error {
	owned.Lock()
	defer owned.Unlock()
	return owned.hold(addr, n)
}

// hold is the function hold for a caller that has the lock.
func (t *table) hold(addr uintptr, n int) error {
	list, err := t.within(addr, n)
	if err != nil {
		// On Unix the range would be taken from its owner.
		return fmt.Errorf("the addresses came from neither Reserve nor Map: %w: %w", errors.ErrUnsupported, err)
	}
	for _, s := range list {
		if !s.mapped {
			continue
		}
		if err := t.holdPart(s); err != nil {
			return err
		}
	}
	return nil
}

// holdPart turns a mapped part of an allocation into a reserved one.
func (t *table) holdPart(s part) error {
	p := s.of
	if p.kind == view && p.replaces && t.mappedOutside(p, s.start, s.end) == 0 {
		return t.vacate(p, s)
	}
	if err := takeAway(s); err != nil {
		return err
	}
	t.set(part{s.start, s.end, p, false})
	return nil
}

// takeAway ends every access to a mapped part, and releases its memory if the system can do that
// for a part.
func takeAway(s part) error {
	if s.of.kind == memory && !s.of.large {
		return windows.VirtualFree(s.start, s.end-s.start, windows.MEM_DECOMMIT)
	}
	var old uint32
	return windows.VirtualProtect(s.start, s.end-s.start, windows.PAGE_NOACCESS, &old)
}

// mappedOutside returns how many bytes of an allocation are mapped, not counting [start, end).
func (t *table) mappedOutside(p *allocation, start, end uintptr) (n uintptr) {
	i, j := t.window(p)
	for _, s := range t.parts[i:j] {
		if s.mapped {
			n += s.end - s.start
			if lo, hi := max(s.start, start), min(s.end, end); lo < hi {
				n -= hi - lo
			}
		}
	}
	return n
}

// vacate unmaps a view of which nothing stays mapped. Placeholders remain for the parts that are
// still in the table; what was released becomes free.
func (t *table) vacate(p *allocation, last part) error {
	if err := unmapViewOfFile2(p.base, memPreservePlaceholder); err != nil {
		return err
	}
	t.set(part{last.start, last.end, p, false})
	i, j := t.window(p)
	was := append([]part(nil), t.parts[i:j]...)
	whole := &allocation{base: p.base, end: p.end, kind: placeholder}
	t.replace(p, part{p.base, p.end, whole, false})
	// Everything is reserved now, in one placeholder. A gap that cannot be cut off stays reserved,
	// which harms nobody, so its error is ignored.
	at := p.base
	for _, s := range append(was, part{start: p.end}) {
		if at < s.start {
			_ = t.releasePlaceholder(at, s.start)
		}
		at = s.end
	}
	return nil
}

// releasePlaceholder frees the part [start, end) of a placeholder.
func (t *table) releasePlaceholder(start, end uintptr) error {
	p, err := t.carve(start, end)
	if err != nil {
		return err
	}
	if err := windows.VirtualFree(p.base, 0, windows.MEM_RELEASE); err != nil {
		return err
	}
	t.replace(p)
	return nil
}

func release(addr uintptr, n int) error {
	owned.Lock()
	defer owned.Unlock()
	list, err := owned.within(addr, n)
	if err != nil {
		return err
	}
	for _, group := range byAllocation(list) {
		if err := owned.releaseParts(group); err != nil {
			return err
		}
	}
	return nil
}

func freesAtOnce(addr uintptr, n int) bool {
	owned.Lock()
	defer owned.Unlock()
	list, err := owned.within(addr, n)
	for _, s := range list {
		if s.of.kind != placeholder {
			return false
		}
	}
	return err == nil
}

// releaseParts releases neighbouring parts of one allocation, and the allocation if no part is
// left.
func (t *table) releaseParts(group []part) error {
	p, start, end := group[0].of, group[0].start, group[len(group)-1].end
	if p.kind == placeholder {
		return t.releasePlaceholder(start, end)
	}
	i, j := t.window(p)
	if t.parts[i].start >= start && t.parts[j-1].end <= end {
		if err := free(p); err != nil {
			return err
		}
		t.replace(p)
		return nil
	}
	if p.kind == view && p.replaces && t.mappedOutside(p, start, end) == 0 {
		// The rest of the view is reserved already.
		if err := t.vacate(p, part{start: start, end: end}); err != nil {
			return err
		}
		return t.releasePlaceholder(start, end)
	}
	for _, s := range group {
		if s.mapped {
			if err := takeAway(s); err != nil {
				return err
			}
		}
	}
	t.remove(start, end)
	return nil
}

// free releases a whole allocation.
func free(p *allocation) error {
	if p.kind == view {
		return os.NewSyscallError("UnmapViewOfFile", windows.UnmapViewOfFile(p.base))
	}
	return windows.VirtualFree(p.base, 0, windows.MEM_RELEASE)
}
