package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/examples/internal/itself"
	"github.com/typedmem/typedmem/region"
)

func TestMain(m *testing.M) { itself.Main(m, main) }

// TestWriterAndFollowerAreKilled: a writer and a follower are killed several times, and what
// follows them finds everything in order.
func TestWriterAndFollowerAreKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.tm")
	r, err := region.Create[Measurement](path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	seen, err := region.Open[Measurement](path)
	if err != nil {
		t.Fatal(err)
	}
	defer seen.Close()
	for round := 1; round <= 5; round++ {
		writer := itself.Command(t.Context(), "-write", "-pause", "0", "-n", "100000000", path)
		follower := itself.Command(t.Context(), "-follow", "-pause", "0", "-n", "100000000", path)
		for _, c := range []*exec.Cmd{writer, follower} {
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
		}
		for before, n := seen.Len(), 0; n < before+1000; {
			if n, err = seen.Refresh(); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []*exec.Cmd{writer, follower} {
			if err := c.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := c.Wait(); err == nil || c.ProcessState.ExitCode() == 1 {
				t.Fatalf("it ended by itself: %v", err)
			}
		}
	}
	n, err := seen.Refresh()
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range seen.All() {
		if m.Number != uint64(i) {
			t.Fatalf("measurement %d of %d is %+v", i, n, m)
		}
	}
}

func TestFollowToTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.tm")
	follower := itself.Command(t.Context(), "-follow", "-pause", "1us", "-n", "5000", path)
	var out strings.Builder
	follower.Stdout = &out
	stderr, err := follower.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := follower.Start(); err != nil {
		t.Fatal(err)
	}
	says := bufio.NewScanner(stderr)
	if !says.Scan() || says.Text() != "shared: waiting for "+path {
		t.Fatalf("while there is no file it says %q, %v", says.Text(), says.Err())
	}
	if b, err := itself.Command(t.Context(), "-write", "-pause", "0", "-n", "5000", path).CombinedOutput(); err != nil || !strings.HasSuffix(string(b), "wrote 5000\n") {
		t.Fatalf("%v: %s", err, b)
	}
	if says.Scan() {
		t.Errorf("it says more: %q", says.Text())
	}
	if err := follower.Wait(); err != nil || !strings.HasSuffix(out.String(), "read 5000\n") {
		t.Fatalf("%v: %s", err, out.String())
	}
	if b, err := itself.Command(t.Context(), path).CombinedOutput(); err == nil || !strings.HasPrefix(string(b), "usage") {
		t.Fatalf("%v: %s", err, b)
	}
}

func TestNegativeNumber(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.tm")
	if b, err := itself.Command(t.Context(), "-write", "-n", "-4", path).CombinedOutput(); err == nil || !strings.HasPrefix(string(b), "shared: -n takes") {
		t.Errorf("%v: %s", err, b)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("a file was made")
	}
}

func TestLostOutput(t *testing.T) {
	full := itself.FullDevice(t)
	path := filepath.Join(t.TempDir(), "m.tm")
	for _, end := range []string{"-write", "-follow"} {
		var stderr strings.Builder
		c := itself.Command(t.Context(), end, "-pause", "0", "-n", "5", path)
		c.Stdout, c.Stderr = full, &stderr
		if err := c.Run(); err == nil || !strings.HasPrefix(stderr.String(), "shared: ") {
			t.Errorf("%s: %v, it says %q", end, err, stderr.String())
		}
		if out, err := itself.Command(t.Context(), "-write", "-pause", "0", "-n", "5", path).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
}
