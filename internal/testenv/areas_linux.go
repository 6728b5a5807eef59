package testenv

import (
	"bytes"
	"os"
	"testing"
)

// AreaLines counts the process's memory areas.
func AreaLines(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte{'\n'})
}
