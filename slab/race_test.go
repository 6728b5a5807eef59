package slab_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// goTool returns the go command, and skips the test on a machine that has none for this platform.
func goTool(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command: ", err)
	}
	out, err := exec.Command(path, "env", "GOHOSTOS", "GOHOSTARCH").CombinedOutput()
	if err != nil {
		t.Skipf("go env: %v: %s", err, out)
	}
	if host := strings.Join(strings.Fields(string(out)), "/"); host != runtime.GOOS+"/"+runtime.GOARCH {
		t.Skipf("the go command is for %s, the test for %s/%s", host, runtime.GOOS, runtime.GOARCH)
	}
	return path
}

// TestRaceDetectorSeesObjects: races of Load and Store are reported, and nothing else is.
func TestRaceDetectorSeesObjects(t *testing.T) {
	program := filepath.Join(t.TempDir(), "race.exe")
	out, err := exec.Command(goTool(t), "build", "-race", "-o", program, "./testdata/race").CombinedOutput()
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
	if cases < 13 {
		t.Errorf("%d cases, there are more", cases)
	}
}
