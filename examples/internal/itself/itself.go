// Package itself lets the test binary of an example be the example, so that tests can run it, kill
// it and take away what it prints to.
package itself

import (
	"context"
	"io"
	"os"
	"os/exec"
	"testing"
)

const asked = "RUN_AS_THE_EXAMPLE"

// Main is the example's TestMain: a process that the tests start runs main, the first one runs the
// tests.
func Main(m *testing.M, main func()) {
	if os.Getenv(asked) != "" {
		main()
		os.Exit(0)
	}
	os.Setenv(asked, "1") // for all that is started from here on
	os.Exit(m.Run())
}

// Command is the example in a process of its own, which ends with ctx.
func Command(ctx context.Context, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return exec.CommandContext(ctx, self, args...)
}

// Full takes so many writes, and then has no room.
type Full int

func (f *Full) Write(b []byte) (int, error) {
	if *f--; *f < 0 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}

// FullDevice is a file that has no room: /dev/full.
func FullDevice(t *testing.T) *os.File {
	t.Helper()
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no device that is always full: ", err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
