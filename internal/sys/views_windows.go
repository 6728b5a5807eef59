package sys

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/windows"
)

// Sources: CreateFileMapping, MapViewOfFile3, MapViewOfFileEx, VirtualProtect and "Memory
// Protection Constants" of the Windows API reference.

// fileID identifies a file (GetFileInformationByHandle).
type fileID struct{ volume, high, low uint32 }

func identify(f *os.File) (fileID, error) {
	var info windows.ByHandleFileInformation
	err := onHandle(f, func(h windows.Handle) error { return windows.GetFileInformationByHandle(h, &info) })
	if err != nil {
		return fileID{}, err
	}
	return fileID{info.VolumeSerialNumber, info.FileIndexHigh, info.FileIndexLow}, nil
}

// checkEnd refuses a view that reaches past the page of the file's last byte: Windows would have to
// make the file longer.
func checkEnd(r Request) error {
	info, err := r.File.Stat()
	if err != nil {
		return err
	}
	page := int64(PageSize())
	if last := (info.Size() + page - 1) / page * page; r.Offset > last || int64(r.Len) > last-r.Offset {
		return fmt.Errorf("mapping %d bytes at offset %d of a file of %d bytes: Windows maps no page past the end of a file; make it longer first: %w",
			r.Len, r.Offset, info.Size(), errors.ErrUnsupported)
	}
	return nil
}

// attempt is a way to open a file for mapping. view, the protection of the view, is the most that
// its pages can be given later.
type attempt struct{ section, view uint32 }

// attempts returns the ways that suit the request, the most permissive first.
func attempts(r Request) []attempt {
	list := []attempt{
		{windows.PAGE_EXECUTE_READWRITE, windows.PAGE_EXECUTE_READWRITE},
		{windows.PAGE_READWRITE, windows.PAGE_READWRITE},
		{windows.PAGE_EXECUTE_READ, windows.PAGE_EXECUTE_READ},
		{windows.PAGE_READONLY, windows.PAGE_READONLY},
	}
	if !r.Flags.Has(flags.Shared) {
		// Copy-on-write views count in full against the commit limit, which large files may exceed.
		// Requests that do not write then use a plain view.
		list = []attempt{
			{windows.PAGE_EXECUTE_READ, windows.PAGE_EXECUTE_WRITECOPY},
			{windows.PAGE_READONLY, windows.PAGE_WRITECOPY},
			{windows.PAGE_EXECUTE_READ, windows.PAGE_EXECUTE_READ},
			{windows.PAGE_READONLY, windows.PAGE_READONLY},
		}
	}
	var fit []attempt
	for _, a := range list {
		if protectionOf(a.view).Has(r.Prot) {
			fit = append(fit, a)
		}
	}
	return fit
}

// openSection makes a section of the whole file at its present length. It never makes the file
// longer.
func openSection(h windows.Handle, protection uint32) (windows.Handle, error) {
	section, err := windows.CreateFileMapping(h, nil, protection, 0, 0, nil)
	if err != nil && section != 0 { // ERROR_ALREADY_EXISTS is for named sections
		return 0, errors.Join(err, windows.CloseHandle(section))
	}
	return section, err
}

// openExecutable is openSection for a handle without the right to execute, such as that of os.Open.
// It opens a second handle with this right and no other new one.
func openExecutable(h windows.Handle, protection uint32) (windows.Handle, error) {
	section, err := openSection(h, protection)
	if err == nil || !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return section, err
	}
	section, secondErr := openReopened(h, protection)
	if secondErr != nil {
		return 0, errors.Join(err, secondErr)
	}
	return section, nil
}

// openReopened is openSection with another handle of the file, with the rights of h and the right
// to execute.
func openReopened(h windows.Handle, protection uint32) (windows.Handle, error) {
	granted, err := grantedAccess(h)
	if err != nil {
		return 0, err
	}
	want := uint32(windows.GENERIC_READ | windows.GENERIC_EXECUTE)
	need := windows.ACCESS_MASK(windows.FILE_READ_DATA)
	if protection == windows.PAGE_EXECUTE_READWRITE {
		want |= windows.GENERIC_WRITE
		need |= windows.FILE_WRITE_DATA
	}
	if granted&need != need {
		return 0, windows.ERROR_ACCESS_DENIED
	}
	second, err := reOpenFile(h, want)
	if err != nil {
		return 0, fmt.Errorf("ReOpenFile: %w", err)
	}
	section, err := openSection(second, protection)
	return section, errors.Join(err, windows.CloseHandle(second))
}

// tryViews calls mapIt with a section of the file for each attempt, until one succeeds. It closes
// every section: a view keeps its own alive.
func tryViews(r Request, mapIt func(section windows.Handle, a attempt) error) error {
	err := error(windows.ERROR_ACCESS_DENIED)
	for _, a := range attempts(r) {
		open := openSection
		if protectionOf(a.section).Has(flags.Execute) {
			open = openExecutable
		}
		var section windows.Handle
		err = onHandle(r.File, func(h windows.Handle) (err error) {
			section, err = open(h, a.section)
			return err
		})
		if err != nil {
			err = fmt.Errorf("CreateFileMapping: %w", err)
			continue
		}
		err = mapIt(section, a)
		closeErr := windows.CloseHandle(section)
		if err == nil {
			return nil // the view is mapped, whatever closing returned
		}
		err = errors.Join(err, closeErr)
	}
	return err
}

// viewLengths returns the lengths to try for a view of n bytes. The system takes no length past the
// end of the section, and maps whole pages.
func viewLengths(r Request, offset int64, n int) []int {
	info, err := r.File.Stat()
	if exact := info.Size() - offset; err == nil && exact > 0 && exact < int64(n) {
		return []int{int(exact), n}
	}
	return []int{n}
}

// placeView maps a file into free addresses.
func placeView(r Request) (uintptr, error) {
	if err := checkEnd(r); err != nil {
		return 0, err
	}
	if !hasPlaceholders() {
		return placePlainView(r)
	}
	addr, err := reserve(r.Addr, r.Len, granularity(), r.Offset)
	if err != nil {
		return 0, err
	}
	r.Addr = addr
	if err := fill(r); err != nil {
		return 0, errors.Join(err, release(addr, r.Len))
	}
	return addr, nil
}

// fillView maps the part of the file that belongs to one part of a reserved range. The caller holds
// the lock of the table.
func fillView(r Request, s part) error {
	offset := r.Offset + int64(s.start-r.Addr)
	id, err := identify(r.File)
	if err != nil {
		return err
	}
	switch s.of.kind {
	case memory:
		return fmt.Errorf("the range was reserved for memory, not for files: %w", errors.ErrUnsupported)
	case view:
		return revive(r, s, offset, id)
	}
	p, err := owned.carve(s.start, s.end)
	if err != nil {
		return err
	}
	n := int(s.end - s.start)
	private := !r.Flags.Has(flags.Shared)
	err = tryViews(r, func(section windows.Handle, a attempt) (err error) {
		for _, length := range viewLengths(r, offset, n) {
			_, err = mapViewOfFile3(section, s.start, offset, length, memReplacePlaceholder|uint32(r.System), a.view)
			if err == nil {
				return narrow(s.start, n, a.view, r.Prot, private, func() error { return unmapViewOfFile2(s.start, memPreservePlaceholder) })
			}
		}
		return fmt.Errorf("MapViewOfFile3: %w", err)
	})
	if err != nil {
		return err
	}
	owned.replace(p, part{p.base, p.end,
		&allocation{base: p.base, end: p.end, kind: view, replaces: true, private: private, offset: offset, file: id}, true})
	return nil
}

// narrow gives a new view the requested protection, or undoes the view.
func narrow(addr uintptr, n int, has uint32, want flags.Protection, private bool, undo func() error) error {
	protection := pageProtection(want, private)
	if protection == has {
		return nil
	}
	var old uint32
	if err := windows.VirtualProtect(addr, uintptr(n), protection, &old); err != nil {
		return errors.Join(fmt.Errorf("VirtualProtect: %w", err), undo())
	}
	return nil
}

// revive maps a part of a view that was held while another part stayed in use. The view still
// exists, so it must show the same bytes. A private part gets the present bytes of the file.
func revive(r Request, s part, offset int64, id fileID) error {
	p := s.of
	private := !r.Flags.Has(flags.Shared)
	if id != p.file || private != p.private || offset != p.offset+int64(s.start-p.base) {
		return fmt.Errorf("the range is part of a view of other bytes that is in use: %w", errors.ErrUnsupported)
	}
	n := s.end - s.start
	var old uint32
	if private {
		if err := windows.VirtualProtect(s.start, n, windows.PAGE_WRITECOPY, &old); err != nil {
			return err
		}
		// SAFETY: the range is part of a view of this table and was made writable. Its owner does
		// not have it yet.
		content := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), s.start)), n)
		got, err := r.File.ReadAt(content, offset)
		if err != nil && err != io.EOF {
			return errors.Join(err, windows.VirtualProtect(s.start, n, windows.PAGE_NOACCESS, &old))
		}
		clear(content[got:])
	}
	if err := windows.VirtualProtect(s.start, n, pageProtection(r.Prot, private), &old); err != nil {
		return errors.Join(err, windows.VirtualProtect(s.start, n, windows.PAGE_NOACCESS, &old))
	}
	owned.set(part{s.start, s.end, p, true})
	return nil
}

// placePlainView maps a file where the system has no placeholders. Once held, such a view keeps its
// file mapped without access until it is released: unmapping it would free its addresses.
func placePlainView(r Request) (uintptr, error) {
	id, err := identify(r.File)
	if err != nil {
		return 0, err
	}
	private := !r.Flags.Has(flags.Shared)
	var addr uintptr
	err = tryViews(r, func(section windows.Handle, a attempt) (err error) {
		for _, length := range viewLengths(r, r.Offset, r.Len) {
			addr, err = nearHint(r.Addr, func(hint uintptr) (uintptr, error) {
				return mapViewOfFileEx(section, hint, r.Offset, length, viewAccess(a.view))
			})
			if err == nil {
				return narrow(addr, r.Len, a.view, r.Prot, private, func() error { return windows.UnmapViewOfFile(addr) })
			}
		}
		return fmt.Errorf("MapViewOfFileEx: %w", err)
	})
	if err != nil {
		return 0, err
	}
	owned.add(&allocation{base: addr, end: addr + uintptr(r.Len), kind: view, private: private, offset: r.Offset, file: id}, true)
	return addr, nil
}

// viewAccess returns a view's protection in the terms of MapViewOfFileEx.
func viewAccess(protection uint32) uint32 {
	switch protection {
	case windows.PAGE_EXECUTE_READWRITE:
		return windows.FILE_MAP_READ | windows.FILE_MAP_WRITE | windows.FILE_MAP_EXECUTE
	case windows.PAGE_READWRITE:
		return windows.FILE_MAP_READ | windows.FILE_MAP_WRITE
	case windows.PAGE_EXECUTE_WRITECOPY:
		return windows.FILE_MAP_COPY | windows.FILE_MAP_EXECUTE
	case windows.PAGE_WRITECOPY:
		return windows.FILE_MAP_COPY
	case windows.PAGE_EXECUTE_READ:
		return windows.FILE_MAP_READ | windows.FILE_MAP_EXECUTE
	}
	return windows.FILE_MAP_READ
}

// pageProtection returns a protection in the terms of VirtualProtect. private is for views whose
// writes go to copies. Windows has no pages that can be written but not read.
func pageProtection(p flags.Protection, private bool) uint32 {
	writable, executable := uint32(windows.PAGE_READWRITE), uint32(windows.PAGE_EXECUTE_READWRITE)
	if private {
		writable, executable = windows.PAGE_WRITECOPY, windows.PAGE_EXECUTE_WRITECOPY
	}
	switch {
	case p.Has(flags.Write | flags.Execute):
		return executable
	case p.Has(flags.Write):
		return writable
	case p.Has(flags.Read | flags.Execute):
		return windows.PAGE_EXECUTE_READ
	case p.Has(flags.Execute):
		return windows.PAGE_EXECUTE
	case p.Has(flags.Read):
		return windows.PAGE_READONLY
	}
	return windows.PAGE_NOACCESS
}

// protectionOf returns what pages with the given protection may be used for.
func protectionOf(protection uint32) flags.Protection {
	switch protection &^ pageModifiers {
	case windows.PAGE_READONLY:
		return flags.Read
	case windows.PAGE_READWRITE, windows.PAGE_WRITECOPY:
		return flags.Read | flags.Write
	case windows.PAGE_EXECUTE:
		return flags.Execute
	case windows.PAGE_EXECUTE_READ:
		return flags.Read | flags.Execute
	case windows.PAGE_EXECUTE_READWRITE, windows.PAGE_EXECUTE_WRITECOPY:
		return flags.Read | flags.Write | flags.Execute
	}
	return flags.None
}
