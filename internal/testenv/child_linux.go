package testenv

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Child runs the calling test in a process of its own, which may end badly and whose limits may be
// set: it returns true there. In the test's own process it waits for that one, fails the test with
// its output where it failed, and returns false.
func Child(t *testing.T, prepare ...func(*exec.Cmd)) bool {
	t.Helper()
	const variable = "TYPEDMEM_CHILD"
	if os.Getenv(variable) == t.Name() {
		return true
	}
	Processes(t)
	cmd := exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), variable+"="+t.Name())
	for _, f := range prepare {
		f(cmd)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		if len(out) > 4000 {
			out = append(out[:2000:2000], out[len(out)-2000:]...)
		}
		t.Fatalf("the child: %v\n%s", err, out)
	}
	t.Logf("the child:\n%s", out)
	return false
}

// SetLimit limits what this process may have of a resource, as setrlimit(2) names them.
func SetLimit(t *testing.T, resource int, n uint64) {
	t.Helper()
	if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: n, Max: n}); err != nil {
		t.Fatal(err)
	}
}
