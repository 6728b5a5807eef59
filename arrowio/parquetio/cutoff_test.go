package parquetio

import (
	"bytes"
	"testing"
)

// A file of which the end is missing gives an error, wherever it ends, and appends nothing.
func TestCutOffFiles(t *testing.T) {
	var file bytes.Buffer
	check(t, Write(&file, ticks(t, 20).View()))
	to := ticks(t, 3)
	for end := range file.Len() {
		if n, err := Append(to, bytes.NewReader(file.Bytes()[:end])); err == nil || n != 0 || to.Len() != 3 {
			t.Errorf("cut off at byte %d: appended %d, error %v, length %d", end, n, err, to.Len())
		}
	}
}
