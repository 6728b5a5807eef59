package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/examples/internal/itself"
	"github.com/typedmem/typedmem/options"
)

func TestMain(m *testing.M) { itself.Main(m, main) }

func TestListShowsAMapping(t *testing.T) {
	m, err := options.New(1 << 20).Map()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, pid := range []int{typedmem.Self, os.Getpid()} {
		var out strings.Builder
		if err := list(&out, pid); errors.Is(err, errors.ErrUnsupported) {
			t.Skip("the memory areas of a process cannot be listed on this system: ", err)
		} else if err != nil {
			t.Fatal(err)
		}
		a, ok, err := typedmem.AreaAt(typedmem.Self, m.Addr())
		if err != nil || !ok {
			t.Fatalf("%v, %v", ok, err)
		}
		if line := fmt.Sprintf("%#x", a.Start); !strings.Contains(out.String(), line) {
			t.Errorf("no line begins with %s:\n%s", line, out.String())
		}
	}
}

func TestListOfNoProcess(t *testing.T) {
	var out strings.Builder
	if err := list(&out, 1<<30); err == nil || out.Len() > 0 {
		t.Errorf("%v, and it writes %q", err, out.String())
	}
}

func TestArgumentsAreRefused(t *testing.T) {
	out, err := itself.Command(t.Context(), "something").CombinedOutput()
	if err == nil || string(out) != "areas: it takes no arguments, not [\"something\"]\n" {
		t.Errorf("%v: %s", err, out)
	}
}
