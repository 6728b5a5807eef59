//go:build unix

package typedmem_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"golang.org/x/sys/unix"
)

// A pipe that cannot be mapped is as it was: a Read of it ends at its deadline.
func TestARefusedPipeStaysNonblocking(t *testing.T) {
	for name, try := range map[string]func(o options.Options) error{
		"map":      func(o options.Options) error { _, err := o.Map(); return err },
		"capacity": func(o options.Options) error { _, err := o.WithCapacity(2 * unit).Map(); return err },
		"none":     func(o options.Options) error { _, err := o.MapNone(); return err },
	} {
		r, w, err := os.Pipe()
		testkit.Check(t, err, "pipe")
		defer r.Close()
		defer w.Close()
		if try(options.New(unit).WithFile(r, 0)) == nil {
			t.Fatalf("%s: a pipe was mapped", name)
		}
		raw, err := r.SyscallConn()
		testkit.Check(t, err, "SyscallConn")
		testkit.Check(t, raw.Control(func(fd uintptr) {
			mode, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
			if testkit.Check(t, err, "fcntl"); mode&unix.O_NONBLOCK == 0 {
				t.Fatalf("%s: the pipe blocks", name) // the Read below would do so for ever
			}
		}), "Control")
		testkit.Check(t, r.SetReadDeadline(time.Now().Add(time.Millisecond)), "SetReadDeadline")
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
