package parquetio

import (
	"bytes"
	"strings"
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

// A panic of arrow-go in the caller's goroutine is an error. With these changes none comes in
// another goroutine, where it would end the process: see Append.
func TestDamagedFiles(t *testing.T) {
	var file bytes.Buffer
	check(t, Write(&file, ticks(t, 20).View()))
	to := ticks(t, 0)
	panics := 0
	for i := range file.Len() {
		b := bytes.Clone(file.Bytes())
		b[i] ^= 0xff
		n, err := Append(to, bytes.NewReader(b))
		if to.Len() != n {
			t.Errorf("byte %d: appended %d, the region has %d, error %v", i, n, to.Len(), err)
		}
		if err != nil && strings.Contains(err.Error(), "a damaged Parquet file") {
			panics++
		}
		check(t, to.Resize(0))
	}
	if panics == 0 {
		t.Error("arrow-go has not panicked: Append need not recover any more")
	}
}
