package main

import (
	"bytes"
	"os"
	"regexp"
	"testing"
	"time"
)

// TestMain lets the test binary be run itself, as the process that follows.
func TestMain(m *testing.M) {
	if os.Getenv(envFollow) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// There is a line for each rate and one for the rest. It measures nothing.
func TestShort(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some fifteen seconds, and -short leaves it out")
	}
	var out bytes.Buffer
	if err := measure(&out, time.Millisecond, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if lines := regexp.MustCompile(`(?m)^\| [0-9.]+.?s (\| [0-9.]+.?s ){3}\| \d+ \|$`).FindAllString(out.String(), -1); len(lines) != 5 {
		t.Errorf("%d lines in\n%s", len(lines), &out)
	}
	if !regexp.MustCompile(`\n1ms at rest: .+ of processor time, [0-9.-]+ %\n$`).Match(out.Bytes()) {
		t.Errorf("no line for the rest:\n%s", &out)
	}
}
