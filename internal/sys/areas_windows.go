package sys

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Sources: VirtualQueryEx, MEMORY_BASIC_INFORMATION, GetMappedFileName and QueryDosDevice of the
// Windows API reference.

// areas walks the address space with VirtualQueryEx.
//   - Reserved addresses without memory are areas with protection None.
//   - An area is shared if it is part of a section and not mapped copy-on-write.
//   - No call tells the Offset. It is known for views that this process made with this package, and
//     0 for others.
func areas(pid int, lo, hi uintptr, yield func(Area) bool) (err error) {
	process := windows.CurrentProcess()
	if pid != 0 {
		process, err = windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION|windows.PROCESS_VM_READ, false, uint32(pid))
		if err != nil {
			return fmt.Errorf("OpenProcess: %w", err)
		}
		defer func() { err = errors.Join(err, windows.CloseHandle(process)) }()
	}
	w := walk{process: process, own: pid == 0 || pid == int(windows.GetCurrentProcessId())}
	at, err := w.start(lo)
	for err == nil && at < hi {
		info, ok, queryErr := virtualQuery(process, at)
		if !ok {
			return queryErr
		}
		end := info.end()
		if info.state != memFree && end > lo {
			a, areaErr := w.area(info, end)
			if areaErr != nil || !yield(a) {
				return areaErr
			}
		}
		at = end
	}
	return err
}

type walk struct {
	process windows.Handle
	own     bool
	base    uintptr // of the allocation that path belongs to
	path    string
}

// start returns where the area that holds lo begins. VirtualQueryEx counts from the given page, so
// the walk begins with the allocation.
func (w *walk) start(lo uintptr) (uintptr, error) {
	info, ok, err := virtualQuery(w.process, lo)
	if !ok || info.state == memFree {
		return lo, err
	}
	return info.allocationBase, nil
}

func (w *walk) area(info memoryBasicInformation, end uintptr) (Area, error) {
	a := Area{AllocationBase: info.allocationBase, Start: info.baseAddress, End: end}
	if info.state == windows.MEM_COMMIT {
		a.Protection = protectionOf(info.protect)
	}
	if info.kind != memMapped && info.kind != memImage {
		return a, nil
	}
	copies := info.allocationProtect&(windows.PAGE_WRITECOPY|windows.PAGE_EXECUTE_WRITECOPY) != 0
	a.Shared = info.kind == memMapped && !copies
	if w.base != info.allocationBase || w.base == 0 {
		path, err := mappedFile(w.process, info.baseAddress)
		if err != nil {
			return a, err
		}
		w.base, w.path = info.allocationBase, path
	}
	a.Path = w.path
	if w.own {
		if p, ok := owned.viewAt(info.allocationBase); ok {
			a.Shared = !p.private
			a.Offset = p.offset + int64(a.Start-p.base)
		}
	}
	return a, nil
}

// viewAt returns the view that begins at an address.
func (t *table) viewAt(base uintptr) (p allocation, ok bool) {
	t.Lock()
	defer t.Unlock()
	if i := t.after(base); i < len(t.parts) && t.parts[i].of.base == base && t.parts[i].of.kind == view {
		return *t.parts[i].of, true
	}
	return allocation{}, false
}

// mappedFile returns the name of the file mapped at an address, "" for a section without a file.
func mappedFile(process windows.Handle, addr uintptr) (string, error) {
	name := make([]uint16, windows.MAX_LONG_PATH)
	// SAFETY: GetMappedFileNameW writes no more than the given number of characters.
	n, _, err := procGetMappedFileName.Call(uintptr(process), addr, uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)))
	if n == 0 {
		switch err {
		case windows.ERROR_FILE_INVALID, windows.ERROR_UNEXP_NET_ERR, windows.ERROR_INVALID_ADDRESS, windows.ERROR_INVALID_PARAMETER:
			return "", nil // memory shared through the paging file, or released since it was listed
		}
		return "", fmt.Errorf("GetMappedFileName: %w", failed(err))
	}
	return drivePath(windows.UTF16ToString(name[:n])), nil
}

// drivePath turns the kernel's name of a file into the one that programs use, if a drive or share
// stands for its device.
func drivePath(name string) string {
	for _, form := range [][2]string{{`\??\UNC\`, `\\`}, {`\??\`, ``}, {`\Device\Mup\`, `\\`}} {
		if rest, ok := strings.CutPrefix(name, form[0]); ok {
			return form[1] + rest
		}
	}
	for letter := 'A'; letter <= 'Z'; letter++ {
		drive := string(letter) + ":"
		target := make([]uint16, windows.MAX_PATH)
		if _, err := windows.QueryDosDevice(windows.StringToUTF16Ptr(drive), &target[0], uint32(len(target))); err != nil {
			continue // no such drive
		}
		if rest, ok := strings.CutPrefix(name, windows.UTF16ToString(target)+`\`); ok {
			return drive + `\` + rest
		}
	}
	return name
}
