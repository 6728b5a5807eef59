package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/typedmem/typedmem/region"
)

// Every contender runs, the table has a line for each, and no file is left. It measures nothing.
func TestSmall(t *testing.T) {
	dir := t.TempDir()
	var out bytes.Buffer
	m := measurement{out: &out, mib: 1, rounds: 2, rest: time.Microsecond, alone: time.Millisecond}
	if err := m.run(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	for _, c := range contenders(0) {
		if !strings.Contains(out.String(), "\n| "+c.name+" | ") {
			t.Errorf("no line for %s in\n%s", c.name, &out)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v are left (%v)", left, err)
	}
}

// A snapshot that lacks an element, has one too many or a wrong one is noticed.
func TestCheckSnapshot(t *testing.T) {
	path := t.TempDir() + "/s"
	r, err := region.Create[element](path, 0)
	if err == nil {
		err = fill(r, 1000)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, c := range []struct {
		min, max int
		wrong    bool
	}{{1000, 1000, false}, {900, 1100, false}, {1001, 1100, true}, {900, 999, true}} {
		if err := checkSnapshot(path, c.min, c.max); (err != nil) != c.wrong {
			t.Errorf("%d to %d: %v", c.min, c.max, err)
		}
	}
	r.Set(700, element{})
	if err := checkSnapshot(path, 1000, 1000); err == nil {
		t.Error("a wrong element is not noticed")
	}
}
