package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestShow(t *testing.T) {
	var out strings.Builder
	if err := show(&out); err != nil {
		t.Fatal(err)
	}
	if usual := fmt.Sprint(os.Getpagesize()); !strings.Contains(out.String(), "page size "+usual) || !strings.Contains(out.String(), "mapped") {
		t.Errorf("the usual page size is not there, or cannot be mapped:\n%s", out.String())
	}
}
