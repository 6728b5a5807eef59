package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if was, err := child(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	} else if was {
		return
	}
	os.Exit(m.Run())
}

// TestServices runs every contender on a hundredth of the rows: measure compares the results with
// those that follow from the data.
func TestServices(t *testing.T) {
	for _, s := range services() {
		t.Run(s.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := run(&out, config{service: s.name, scale: 100, rounds: 2, dir: t.TempDir()}); err != nil {
				t.Error(err)
			}
			for _, c := range s.contenders {
				if c.script != "" && python() == "" {
					t.Logf("%s is not tested: no python3 has NumPy", c.name)
					continue
				}
				if !strings.Contains(out.String(), "| "+c.name+" |") {
					t.Errorf("%s is not in the table:\n%s", c.name, &out)
				}
			}
		})
	}
}
