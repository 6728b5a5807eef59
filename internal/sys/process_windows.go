package sys

import "golang.org/x/sys/windows"

// ProcessRuns reports whether a process of this ID runs, which may be another one than is meant.
// Source: OpenProcess and WaitForSingleObject in the Windows documentation.
func ProcessRuns(pid int) bool {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return err != windows.ERROR_INVALID_PARAMETER
	}
	defer windows.CloseHandle(h)
	event, err := windows.WaitForSingleObject(h, 0)
	return err != nil || event != windows.WAIT_OBJECT_0
}
