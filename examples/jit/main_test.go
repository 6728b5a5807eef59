package main

import (
	"errors"
	"testing"
)

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
