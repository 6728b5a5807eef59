package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary be run itself.
func TestMain(m *testing.M) {
	if os.Getenv("BENCH_AS_PROGRAM") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestOnlyAFullRunReplacesResults runs one quick row in a folder with results of a full run.
func TestOnlyAFullRunReplacesResults(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(dir, "results", "table.md")
	if err := os.Mkdir(filepath.Dir(table), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(table, []byte("full"), 0o666); err != nil {
		t.Fatal(err)
	}
	const row = "guard an empty function"
	for _, c := range []struct {
		args []string
		says string // at the end
		well bool
	}{
		{[]string{"-quick", "-rows", row}, "not written: only a full run replaces results; -out DIR writes elsewhere\n", true},
		{[]string{"-rounds", "1", "-rows", row}, "not written: only a full run replaces results; -out DIR writes elsewhere\n", true},
		{[]string{"-quick", "-rows", row, "-out", "other"}, "", true},
		{[]string{"-rows", "zzz"}, "no row matches -rows zzz; -list names them all\n", false},
		{[]string{"-rounds", "-1"}, "-rounds -1: at least one is needed, 0 is the default\n", false},
		{[]string{"zzz"}, "it takes no arguments, not [\"zzz\"]\n", false},
	} {
		cmd := exec.CommandContext(t.Context(), self, c.args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "BENCH_AS_PROGRAM=1")
		out, err := cmd.CombinedOutput()
		if (err == nil) != c.well || !strings.HasSuffix(string(out), c.says) {
			t.Errorf("%q: %v\n%s", c.args, err, out)
		}
		if left, err := os.ReadFile(table); err != nil || string(left) != "full" {
			t.Fatalf("%q: results were replaced (%v)", c.args, err)
		}
	}
	if made, err := os.ReadFile(filepath.Join(dir, "other", "table.md")); err != nil || !strings.Contains(string(made), row) {
		t.Errorf("the other table: %v\n%s", err, made)
	}
}

func TestDirectory(t *testing.T) {
	for _, c := range []struct {
		out, pattern string
		quick        bool
		rounds       int
		failed       error
		want         string
	}{
		{"", "", false, 0, nil, "results"},
		{"", "row", false, 0, nil, ""},
		{"", "", true, 0, nil, ""},
		{"", "", false, 1, nil, ""},
		{"", "", false, 0, errors.New("interrupted"), ""},
		{"here", "row", true, 1, nil, "here"},
		{"here", "", false, 0, nil, "here"},
	} {
		if got := directory(c.out, c.pattern, c.quick, c.rounds, c.failed); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
