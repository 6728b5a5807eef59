package slab_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
)

// TestRaceDetectorSeesObjects: unordered raw access is reported, and Load, Store, Update, Insert
// and Free order each other.
func TestRaceDetectorSeesObjects(t *testing.T) {
	testenv.RaceCases(t, 27)
}

// TestVetReportsCopies: a copy would go on with another magazine's count of slots.
func TestVetReportsCopies(t *testing.T) {
	out, err := exec.Command(testenv.GoTool(t), "vet", "./testdata/copies").CombinedOutput()
	if n := strings.Count(string(out), "assignment copies lock value"); err == nil || n != 2 {
		t.Errorf("%d copies reported: %v: %s", n, err, out)
	}
}
