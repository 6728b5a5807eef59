package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/examples/internal/itself"
)

func TestMain(m *testing.M) { itself.Main(m, main) }

func TestLostOutput(t *testing.T) {
	full := itself.FullDevice(t)
	var stderr strings.Builder
	cmd := itself.Command(t.Context())
	cmd.Stdout, cmd.Stderr = full, &stderr
	if err := cmd.Run(); err == nil || !strings.HasPrefix(stderr.String(), "jit: ") || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("%v, it says %q", err, stderr.String())
	}
}

func TestCodeRuns(t *testing.T) {
	for _, rwx := range []bool{false, true} {
		result, err := run(14, rwx)
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip("code made at run time cannot be run on this system: ", err)
		}
		if err != nil || result != 42 {
			t.Errorf("rwx %v: 3 * 14 = %d, %v", rwx, result, err)
		}
	}
}

func TestArgumentsAreRefused(t *testing.T) {
	out, err := itself.Command(t.Context(), "something").CombinedOutput()
	if err == nil || string(out) != "jit: it takes no arguments, not [\"something\"]\n" {
		t.Errorf("%v: %s", err, out)
	}
}
