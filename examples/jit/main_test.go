package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain lets the test binary be jit itself.
func TestMain(m *testing.M) {
	if os.Getenv("JIT_AS_PROGRAM") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program is jit in a process of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "JIT_AS_PROGRAM=1")
	return cmd
}

func TestLostOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	var stderr strings.Builder
	cmd := program(t)
	cmd.Stdout, cmd.Stderr = full, &stderr
	if err := cmd.Run(); err == nil || !strings.HasPrefix(stderr.String(), "jit: ") || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("%v, it says %q", err, stderr.String())
	}
}

func TestCodeRuns(t *testing.T) {
	for _, rwx := range []bool{false, true} {
		result, err := run(14, rwx)
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		if err != nil || result != 42 {
			t.Errorf("rwx %v: 3 * 14 = %d, %v", rwx, result, err)
		}
	}
}

func TestArgumentsAreRefused(t *testing.T) {
	out, err := program(t, "something").CombinedOutput()
	if err == nil || string(out) != "jit: it takes no arguments, not [\"something\"]\n" {
		t.Errorf("%v: %s", err, out)
	}
}
