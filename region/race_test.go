package region_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
)

// TestRaceDetectorSeesMappedMemory: races through the checked accessors are reported, and nothing
// else is.
func TestRaceDetectorSeesMappedMemory(t *testing.T) {
	program := filepath.Join(t.TempDir(), "race.exe")
	out, err := exec.Command(testenv.GoTool(t), "build", "-race", "-o", program, "./testdata/race").CombinedOutput()
	if err != nil {
		t.Skipf("no build with -race here: %v: %s", err, out)
	}
	list, err := exec.Command(program, "list").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, list)
	}
	cases := 0
	for line := range strings.Lines(string(list)) {
		kind, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		cases++
		t.Run(strings.ReplaceAll(kind+"/"+name, " ", "_"), func(t *testing.T) {
			out, err := exec.Command(program, name).CombinedOutput()
			reported := strings.Contains(string(out), "WARNING: DATA RACE")
			switch {
			case kind == "racy" && !reported:
				t.Errorf("the race was not reported: %v: %s", err, out)
			case kind == "racy" && !strings.Contains(string(out), "main."):
				t.Errorf("the report does not lead to the program: %s", out)
			case kind == "clean" && err != nil:
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	if cases < 20 {
		t.Errorf("%d cases, there are more", cases)
	}
}
