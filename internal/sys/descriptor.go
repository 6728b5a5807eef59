package sys

import (
	"fmt"
	"os"
)

// CheckOpen returns an error that wraps os.ErrClosed where f is closed. It asks the system nothing
// and changes nothing, as File.Fd would: that makes reads of a pipe or socket block for good.
func CheckOpen(f *os.File) error { return withFd(f, func(uintptr) error { return nil }) }

// withFd runs call with the descriptor of f, which nobody can close meanwhile: neither another
// goroutine nor the collector.
func withFd(f *os.File, call func(fd uintptr) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := raw.Control(func(fd uintptr) { result = call(fd) }); err != nil {
		return fmt.Errorf("%s: %w", f.Name(), os.ErrClosed) // Control has no other reason, and does not wrap this one
	}
	return result
}
