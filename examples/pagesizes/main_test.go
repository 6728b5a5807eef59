package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain lets the test binary be pagesizes itself.
func TestMain(m *testing.M) {
	if os.Getenv("PAGESIZES_AS_PROGRAM") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// program is pagesizes in a process of its own.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "PAGESIZES_AS_PROGRAM=1")
	return cmd
}

func TestShow(t *testing.T) {
	var out strings.Builder
	if err := show(&out); err != nil {
		t.Fatal(err)
	}
	if usual := fmt.Sprint(os.Getpagesize()); !strings.Contains(out.String(), "page size "+usual) || !strings.Contains(out.String(), "mapped") {
		t.Errorf("the usual page size is not there, or cannot be mapped:\n%s", out.String())
	}
}

func TestArgumentsAreRefused(t *testing.T) {
	out, err := program(t, "something").CombinedOutput()
	if err == nil || string(out) != "pagesizes: it takes no arguments, not [\"something\"]\n" {
		t.Errorf("%v: %s", err, out)
	}
}
