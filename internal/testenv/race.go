package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// RaceCases builds the program in ./testdata/race with the race detector and runs each of its cases
// in a process of its own. The program prints its cases, at least so many, when its argument is
// "list": a racy one has to be reported, and a clean one has to succeed.
func RaceCases(t *testing.T, least int) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "race.exe")
	out, err := exec.Command(GoTool(t), "build", "-race", "-o", program, "./testdata/race").CombinedOutput()
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
	if cases < least {
		t.Errorf("%d cases, want at least %d", cases, least)
	}
}
