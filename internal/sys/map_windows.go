package sys

import (
	"errors"
	"fmt"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/windows"
)

// Sources: VirtualAlloc, VirtualAlloc2, VirtualFree and UnmapViewOfFile2 of the Windows API
// reference, "Memory Management".

// fits refuses a size that exceeds the address space, which some calls report as an invalid
// argument.
func fits(n int) error {
	if room := theSystem().highest - theSystem().lowest; n <= 0 || uintptr(n) > room {
		return fmt.Errorf("%d bytes in an address space of %d: %w", n, room, windows.ERROR_NOT_ENOUGH_MEMORY)
	}
	return nil
}

// nearHint asks with the hint, and without it if that place is taken.
func nearHint(hint uintptr, ask func(addr uintptr) (uintptr, error)) (uintptr, error) {
	if hint != 0 {
		if addr, err := ask(hint); err == nil {
			return addr, nil
		}
	}
	return ask(0)
}

func reserve(hint uintptr, n, align int, offset int64) (uintptr, error) {
	if err := fits(n); err != nil {
		return 0, err
	}
	ask := func(addr uintptr) (uintptr, error) {
		return windows.VirtualAlloc(addr, uintptr(n), windows.MEM_RESERVE, windows.PAGE_NOACCESS)
	}
	kind := memory
	if offset != NoFile && hasPlaceholders() {
		kind = placeholder
		ask = func(addr uintptr) (uintptr, error) { return reservePlaceholder(addr, n) }
	}
	if align > granularity() {
		ask = aligned(ask, n, align)
	}
	addr, err := nearHint(hint, ask)
	if err != nil {
		return 0, err
	}
	owned.add(&allocation{base: addr, end: addr + uintptr(n), kind: kind}, false)
	return addr, nil
}

func reserveJIT(hint uintptr, n, align int) (uintptr, error) { return reserve(hint, n, align, NoFile) }

func reservePlaceholder(addr uintptr, n int) (uintptr, error) {
	return virtualAlloc2(addr, n, windows.MEM_RESERVE|memReservePlaceholder, windows.PAGE_NOACCESS)
}

// aligned makes an ask without an address look for a multiple of align. It finds a larger free
// range and asks for a place inside, and tries again if another thread took that first.
func aligned(ask func(uintptr) (uintptr, error), n, align int) func(uintptr) (uintptr, error) {
	return func(addr uintptr) (uintptr, error) {
		if addr != 0 {
			return ask(addr)
		}
		if n > n+align {
			return 0, windows.ERROR_NOT_ENOUGH_MEMORY
		}
		var err error
		for range 16 {
			var free, at uintptr
			free, err = windows.VirtualAlloc(0, uintptr(n+align), windows.MEM_RESERVE, windows.PAGE_NOACCESS)
			if err != nil {
				return 0, err
			}
			if err = windows.VirtualFree(free, 0, windows.MEM_RELEASE); err != nil {
				return 0, err
			}
			if at, err = ask((free + uintptr(align) - 1) &^ (uintptr(align) - 1)); err == nil {
				return at, nil
			}
		}
		return 0, err
	}
}

func mapMemory(r Request) (uintptr, error) {
	if err := checkRequest(r); err != nil {
		return 0, err
	}
	addr, undo, err := r.Addr, hold, error(nil)
	switch {
	case r.Replace:
		err = fill(r)
	case r.File != nil:
		addr, err = placeView(r)
		undo = release
	default:
		addr, err = placeMemory(r)
		undo = release
	}
	if err != nil {
		return 0, err
	}
	if err := applyFlags(addr, r); err != nil {
		return 0, errors.Join(err, undo(addr, r.Len))
	}
	return addr, nil
}

func checkRequest(r Request) error {
	if r.Unsafe.Has(flags.Fixed) {
		return fmt.Errorf("flags.Fixed: Windows cannot map over what is mapped: %w", errors.ErrUnsupported)
	}
	if err := fits(r.Len); err != nil {
		return err
	}
	if r.PageSize == 0 {
		return nil
	}
	large, err := hugePageSize()
	switch {
	case err != nil:
		return err
	case r.PageSize != large:
		return fmt.Errorf("pages of %v, Windows has large pages of %v: %w", r.PageSize, large, errors.ErrUnsupported)
	case r.File != nil:
		return fmt.Errorf("a file in large pages: %w", errors.ErrUnsupported)
	case r.Replace:
		return fmt.Errorf("large pages are reserved and committed in one step, not in a reserved range: %w", errors.ErrUnsupported)
	}
	return nil
}

// applyFlags carries out the flags that mapping itself does not have. Those that can fail come
// first.
func applyFlags(addr uintptr, r Request) error {
	if r.Flags&flags.Advice != 0 {
		if err := Advise(addr, r.Len, r.Flags&flags.Advice); err != nil {
			return fmt.Errorf("advice %v: %w", r.Flags&flags.Advice, err)
		}
	}
	if r.Flags.Has(flags.Locked) {
		if err := Lock(addr, r.Len); err != nil {
			return fmt.Errorf("locking %d bytes in memory (every page must be accessible): %w: %w", r.Len, ErrNotLocked, err)
		}
	}
	if r.Flags.Has(flags.Populate) {
		_ = prefetch([]Range{{addr, r.Len}})
	}
	return nil
}

func placeMemory(r Request) (uintptr, error) {
	how := uint32(windows.MEM_RESERVE|windows.MEM_COMMIT) | uint32(r.System)
	if r.PageSize != 0 {
		how |= windows.MEM_LARGE_PAGES
	}
	addr, err := nearHint(r.Addr, func(addr uintptr) (uintptr, error) {
		return windows.VirtualAlloc(addr, uintptr(r.Len), how, pageProtection(r.Prot, false))
	})
	if err != nil {
		if r.PageSize != 0 {
			err = fmt.Errorf("large pages of %v (they need SeLockMemoryPrivilege, enabled, and memory in one piece): %w", r.PageSize, err)
		}
		return 0, err
	}
	owned.add(&allocation{base: addr, end: addr + uintptr(r.Len), kind: memory, large: r.PageSize != 0}, true)
	return addr, nil
}

// fill maps memory or a file into a reserved range. On error it undoes what it has filled.
func fill(r Request) error {
	owned.Lock()
	defer owned.Unlock()
	list, err := owned.within(r.Addr, r.Len)
	if err != nil {
		return err
	}
	for _, s := range list {
		if s.mapped {
			return fmt.Errorf("something is mapped at %#x already: %w", s.start, windows.ERROR_INVALID_ADDRESS)
		}
	}
	one := fillMemory
	if r.File != nil {
		if err := checkEnd(r); err != nil {
			return err
		}
		one = fillView
	}
	for at := 0; at < len(list); {
		s := list[at]
		at++
		// Neighbouring placeholders take one view or one allocation; see carve for the rest of a
		// granule.
		for s.of.kind == placeholder && s.start%uintptr(granularity()) == 0 && at < len(list) && list[at].of.kind == placeholder {
			s.end = list[at].end
			at++
		}
		if err := one(r, s); err != nil {
			if done := int(s.start - r.Addr); done > 0 {
				err = errors.Join(err, owned.hold(r.Addr, done))
			}
			return err
		}
	}
	return nil
}

// fillMemory commits one part of a reserved range. The caller holds the lock of the table.
func fillMemory(r Request, s part) error {
	n := int(s.end - s.start)
	protection := pageProtection(r.Prot, false)
	switch s.of.kind {
	case memory:
		if _, err := windows.VirtualAlloc(s.start, uintptr(n), windows.MEM_COMMIT|uint32(r.System), protection); err != nil {
			return err
		}
		owned.set(part{s.start, s.end, s.of, true})
		return nil
	case placeholder:
		p, err := owned.carve(s.start, s.end)
		if err != nil {
			return err
		}
		how := uint32(windows.MEM_RESERVE|windows.MEM_COMMIT|memReplacePlaceholder) | uint32(r.System)
		if _, err := virtualAlloc2(s.start, n, how, protection); err != nil {
			return err
		}
		owned.replace(p, part{p.base, p.end, &allocation{base: p.base, end: p.end, kind: memory}, true})
		return nil
	}
	return fmt.Errorf("the range is part of a view that is in use: %w", errors.ErrUnsupported)
}

// carve returns the placeholder that covers exactly [start, end), and joins and splits others for
// that. The caller holds the lock.
func (t *table) carve(start, end uintptr) (*allocation, error) {
	list, err := t.within(start, int(end-start))
	if err != nil {
		return nil, err
	}
	first, last := list[0].of, list[len(list)-1].of
	p := &allocation{base: first.base, end: last.end, kind: placeholder}
	if first != last {
		if err := windows.VirtualFree(p.base, p.end-p.base, windows.MEM_RELEASE|memCoalescePlaceholders); err != nil {
			return nil, fmt.Errorf("joining placeholders: %w", err)
		}
		i, j := t.after(p.base), t.after(p.end-1)
		t.parts = append(t.parts[:i+1], t.parts[j+1:]...)
		t.parts[i] = part{p.base, p.end, p, false}
	} else {
		p = first
	}
	if p.base == start && p.end == end {
		return p, nil
	}
	// Wine 10 gets its list of free addresses out of order when it splits or frees a placeholder
	// that begins inside the granule of another one and ends outside. So none does: the granule is
	// cut off first.
	if g := uintptr(granularity()); end%g != 0 && p.end > (end+g-1)/g*g {
		if p, err = t.carve(start, (end+g-1)/g*g); err != nil {
			return nil, err
		}
	}
	if err := windows.VirtualFree(start, end-start, windows.MEM_RELEASE|memPreservePlaceholder); err != nil {
		return nil, fmt.Errorf("splitting a placeholder: %w", err)
	}
	var news []part
	var middle *allocation
	for _, cut := range [][2]uintptr{{p.base, start}, {start, end}, {end, p.end}} {
		if cut[0] == cut[1] {
			continue
		}
		rest := &allocation{base: cut[0], end: cut[1], kind: placeholder}
		news = append(news, part{rest.base, rest.end, rest, false})
		if cut[0] == start {
			middle = rest
		}
	}
	t.replace(p, news...)
	return middle, nil
}
