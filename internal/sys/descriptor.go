package sys

import (
	"fmt"
	"os"
)

// CheckOpen returns an error that wraps os.ErrClosed if f is closed. It makes no system call.
// File.Fd would put a pipe or socket into blocking mode.
func CheckOpen(f *os.File) error { return withFd(f, func(uintptr) error { return nil }) }

// withFd runs call with the descriptor of f, which neither another goroutine nor the collector can
// close meanwhile.
func withFd(f *os.File, call func(fd uintptr) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = call(fd) }); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), os.ErrClosed) // Control has no other error, and wraps none
	}
	return result
}
