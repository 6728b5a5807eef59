package typedmem_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"golang.org/x/sys/unix"
)

// lockedBytes is how much of m the kernel keeps in memory: what smaps says of areas within it.
func lockedBytes(t *testing.T, m *typedmem.Mapping) int {
	t.Helper()
	f := testkit.Must(os.Open("/proc/self/smaps"))(t)
	defer f.Close()
	sum, inside := 0, false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var from, to uintptr
		var perms string
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &perms); n == 3 {
			inside = from < m.Addr()+uintptr(m.Len()) && to > m.Addr()
		}
		var kib int
		if n, _ := fmt.Sscanf(lines.Text(), "Locked: %d kB", &kib); n == 1 && inside {
			sum += kib << 10
		}
	}
	return sum
}

// Lock of the whole mapping holds for what growth adds, until Unlock.
func TestLockHoldsForWhatGrowthAdds(t *testing.T) {
	if testenv.Emulator() != "" {
		t.Skip("the emulator's own list of areas is not the program's")
	}
	file := testkit.Must(os.Create(filepath.Join(t.TempDir(), "file")))(t)
	defer file.Close()
	testkit.Check(t, file.Truncate(int64(64*unit)), "truncate")
	anonymous := options.New(2 * unit).WithCapacity(64 * unit)
	for name, make := range map[string]func() (*typedmem.Mapping, error){
		"anonymous":      anonymous.MapMut,
		"shared file":    anonymous.WithFile(file, 0).WithFlags(flags.Shared).MapMut,
		"private file":   anonymous.WithFile(file, 0).MapMut,
		"read-only file": anonymous.WithFile(file, 0).WithFlags(flags.Shared).Map,
		"flags.Locked":   anonymous.WithFlags(flags.Locked).MapMut,
	} {
		t.Run(name, func(t *testing.T) {
			m, err := make()
			if err == nil {
				defer m.Close()
				testkit.Check(t, m.Resize(3*unit), "Resize") // maps ahead, by more than that
				err = m.Lock()
			}
			if err != nil {
				t.Skip("memory cannot be locked here: ", err)
			}
			for _, n := range []int{3 * unit, 4 * unit, 40 * unit, 5 * unit, 41 * unit} {
				testkit.Check(t, m.Resize(n), "Resize")
				if got := lockedBytes(t, m); got < n {
					t.Errorf("%d of %d bytes are locked", got, n)
				}
			}
			testkit.Check(t, m.Unlock(), "Unlock")
			testkit.Check(t, m.Resize(64*unit), "Resize")
			if got := lockedBytes(t, m); got != 0 {
				t.Errorf("%d bytes are locked after Unlock", got)
			}
		})
	}
}

// Growth of a locked mapping fails where its memory cannot be locked, and the mapping stays as it
// was. A child process has the limit.
func TestGrowthOfALockedMappingIsLimited(t *testing.T) {
	if os.Getenv("TYPEDMEM_LOCK_CHILD") == "" {
		testenv.Processes(t)
		cmd := osexec.Command(testkit.Must(os.Executable())(t), "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "TYPEDMEM_LOCK_CHILD=1")
		out, err := cmd.CombinedOutput()
		if strings.Contains(string(out), "--- SKIP") {
			t.Skipf("%s", out)
		}
		if err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	var before unix.Rlimit
	testkit.Check(t, unix.Getrlimit(unix.RLIMIT_MEMLOCK, &before), "getrlimit")
	limit := uint64(16 * unit)
	if before.Max < limit {
		t.Skip("too little memory may be locked")
	}
	testkit.Check(t, unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: limit, Max: limit}), "setrlimit")
	runtime.LockOSThread()
	withoutPrivilege(t)
	m := testkit.Must(options.New(2 * unit).WithCapacity(64 * unit).MapMut())(t)
	testkit.Check(t, m.Lock(), "Lock")
	testkit.Check(t, m.Resize(4*unit), "Resize")
	if err := m.Resize(60 * unit); err == nil {
		t.Error("growth beyond the limit succeeded")
	}
	if m.Len() != 4*unit {
		t.Errorf("%d bytes after a growth that failed", m.Len())
	}
	testkit.Check(t, m.Resize(6*unit), "Resize")
	testkit.Check(t, m.Unlock(), "Unlock")
	testkit.Check(t, m.Resize(60*unit), "Resize")
	m.Bytes()[60*unit-1] = 1
	testkit.Wants(t, "Lock", m.Lock(), unix.ENOMEM)
	testkit.Check(t, m.Resize(64*unit), "Resize") // a Lock that failed is none
	testkit.Check(t, m.Close(), "Close")
}

// withoutPrivilege takes the right to lock any amount of memory from this thread for good; the test
// ends with it.
func withoutPrivilege(t *testing.T) {
	t.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	testkit.Check(t, unix.Capget(&header, &data[0]), "capget")
	data[0].Effective &^= 1 << unix.CAP_IPC_LOCK
	if err := unix.Capset(&header, &data[0]); err != nil && !errors.Is(err, unix.EPERM) {
		t.Fatal(err)
	}
}

// A larger mapping is locked instead of the first one, not in addition to it.
func TestALargerMappingIsLockedInPlace(t *testing.T) {
	if testenv.Emulator() != "" {
		t.Skip("the emulator's own list of areas is not the program's")
	}
	m := onFile(t, 0)
	testenv.MayLock(t, m.Lock())
	large := larger(t)(mem.Of(m).Larger(8 * unit))
	testkit.CloseLater(t, large)
	locked := func(what string, n int) {
		t.Helper()
		if got := lockedBytes(t, large); lockedBytes(t, m) != 0 || got < n-unit || n == 0 && got > 0 { // of a page in two mappings each counts a half; growth locks ahead
			t.Fatalf("%s %d and %d bytes are locked, not %d", what, lockedBytes(t, m), got, n)
		}
	}
	locked("at first", 8*unit)
	testkit.Check(t, large.Resize(16*unit), "Resize")
	locked("after growth", 16*unit)
	_, err := mem.Of(large).Larger(65 * unit)
	testkit.Wants(t, "past the end of the file", err, typedmem.ErrTruncated)
	locked("after a refusal", 16*unit)
	testkit.Check(t, large.Unlock(), "Unlock")
	locked("after Unlock", 0)
	free := larger(t)(mem.Of(large).Larger(20 * unit))
	testkit.CloseLater(t, free)
	if lockedBytes(t, free) != 0 {
		t.Fatalf("%d bytes are locked after Unlock", lockedBytes(t, free))
	}
}
