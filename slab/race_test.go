package slab_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
)

// TestRaceDetectorSeesObjects: unordered raw access is reported, and Load, Store, Update, Insert
// and Free order each other.
func TestRaceDetectorSeesObjects(t *testing.T) {
	program := filepath.Join(t.TempDir(), "race.exe")
	out, err := exec.Command(testenv.GoTool(t), "build", "-race", "-o", program, "./testdata/race").CombinedOutput()
	if regexp.MustCompile(`\.go:\d+:\d+: `).Match(out) {
		t.Fatalf("it does not compile: %s", out)
	}
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
			cmd := exec.Command(program, name)
			cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // the default is a second
			out, err := cmd.CombinedOutput()
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
	if cases < 27 {
		t.Errorf("%d cases, there are more", cases)
	}
}

// TestVetReportsCopies: a copy would go on with another magazine's count of slots.
func TestVetReportsCopies(t *testing.T) {
	out, err := exec.Command(testenv.GoTool(t), "vet", "./testdata/copies").CombinedOutput()
	if n := strings.Count(string(out), "assignment copies lock value"); err == nil || n != 2 {
		t.Errorf("%d copies reported: %v: %s", n, err, out)
	}
}
