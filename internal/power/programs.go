package power

import (
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/testenv"
)

// Named says that a file's name in its directory has to be made durable by the program.
const Named = runtime.GOOS != "windows"

// Programs returns how many random programs a test is to run, and the number of the first: some
// dozens, or what the environment says. They open thousands of files.
func Programs(t testing.TB) (n, from uint64) {
	t.Helper()
	testenv.Placeholders(t)
	n = 40
	switch {
	case testenv.Emulator() == "qemu-user": // each system call takes its time
		n = 5
	case testing.Short() && testenv.Emulator() == "Wine": // it opens files slowly
		n = 8
	case testing.Short(), race.Enabled, // the race detector makes each ten times as slow
		runtime.GOOS == "windows": // Wine keeps what a program left open until the collector comes
		n = 20
	}
	if k, err := strconv.ParseUint(os.Getenv("TYPEDMEM_POWER_PROGRAMS"), 10, 32); err == nil {
		n = k
	}
	from, _ = strconv.ParseUint(os.Getenv("TYPEDMEM_POWER_FROM"), 10, 32)
	return n, from
}

// Dir is a folder in memory where there is one: the programs count flushes and do not need them. It
// goes with the test, or with remove before: a test has thousands.
func Dir(t testing.TB) (dir string, remove func()) {
	dir, err := os.MkdirTemp("/dev/shm", "typedmem")
	if err != nil {
		dir = t.TempDir()
	}
	remove = func() { _ = os.RemoveAll(dir) }
	t.Cleanup(remove)
	return dir, remove
}
