package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/examples/internal/itself"
)

func TestMain(m *testing.M) { itself.Main(m, main) }

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
	out, err := itself.Command(t.Context(), "something").CombinedOutput()
	if err == nil || string(out) != "pagesizes: it takes no arguments, not [\"something\"]\n" {
		t.Errorf("%v: %s", err, out)
	}
}
