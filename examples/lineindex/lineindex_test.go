package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/examples/internal/itself"
	"github.com/typedmem/typedmem/region"
)

func TestMain(m *testing.M) { itself.Main(m, main) }

// texts makes a folder of n files of lines and returns it and all lines in order.
func texts(t *testing.T, n int) (dir string, lines []string) {
	t.Helper()
	dir = t.TempDir()
	r := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		var text bytes.Buffer
		for range 50 + r.IntN(100) {
			line := strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(80))
			lines = append(lines, line)
			fmt.Fprintln(&text, line)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%04d.txt", i)), text.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir, lines
}

func TestEveryLineIsFoundThroughTheIndex(t *testing.T) {
	dir, lines := texts(t, 20)
	where := filepath.Join(t.TempDir(), "index")
	var out bytes.Buffer
	if err := run([]string{"-o", where, dir}, &out); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("20 files, %d lines,", len(lines)); !strings.Contains(out.String(), want) {
		t.Errorf("it says %q, want %q in it", out.String(), want)
	}
	x, err := openIndex(where)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for i, want := range lines {
		got, err := x.text(int64(i + 1))
		if err != nil || string(got) != want {
			t.Fatalf("line %d is %q, %v, want %q", i+1, got, err, want)
		}
	}
	best, err := x.longest(5)
	if err != nil || len(best) != 5 {
		t.Fatalf("the 5 longest: %v, %v", best, err)
	}
	for _, line := range lines {
		if len(line) > int(best[0].length) {
			t.Errorf("a line of %d bytes is longer than the longest, %d", len(line), best[0].length)
		}
	}
	for i, b := range best {
		if len(lines[b.line]) != int(b.length) || i > 0 && b.length > best[i-1].length {
			t.Errorf("place %d: line %d with %d bytes has %d", i, b.line, b.length, len(lines[b.line]))
		}
	}
}

// TestBadInput gives each kind of bad input to the program: one line on standard error, an exit
// code that is not 0, no index left.
func TestBadInput(t *testing.T) {
	dir, _ := texts(t, 2)
	index := filepath.Join(t.TempDir(), "good")
	if err := run([]string{"-o", index, dir}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign")
	damaged := filepath.Join(t.TempDir(), "damaged")
	for _, copied := range []string{foreign, damaged} {
		if err := os.CopyFS(copied, os.DirFS(index)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(foreign, linesName)); err != nil {
		t.Fatal(err)
	}
	other, err := region.Create[uint64](filepath.Join(foreign, linesName), 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(damaged, filesName), []byte("no region at all"), 0o666); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(t.TempDir(), "locked")
	if err := os.Mkdir(locked, 0); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"a missing file":            {[]string{filepath.Join(dir, "none")}, "none"},
		"an unreadable folder":      {[]string{locked}, "locked"},
		"an empty folder":           {[]string{t.TempDir()}, "no file"},
		"a bad pattern":             {[]string{"-match", "[", dir}, "-match"},
		"an index that exists":      {[]string{"-o", index, dir}, "-open"},
		"an index of nothing":       {[]string{"-open", filepath.Join(dir, "none")}, "holds no index"},
		"an index of other records": {[]string{"-open", foreign}, "layout"},
		"a damaged index":           {[]string{"-open", damaged}, "file"},
		"a line past the end":       {[]string{"-open", index, "-line", "1000000"}, "1000000"},
		"-open with files":          {[]string{"-open", index, dir}, "-open"},
		"-open of no name":          {[]string{"-open", ""}, "-open"},
		"-o of no name":             {[]string{"-o", "", dir}, "-o "},
		"a negative number":         {[]string{"-open", index, "-line", "-1"}, "positive"},
	} {
		fresh := filepath.Join(t.TempDir(), "fresh")
		args := c.args
		if !strings.HasPrefix(args[0], "-o") {
			args = append([]string{"-o", fresh}, args...)
		}
		var stderr bytes.Buffer
		cmd := itself.Command(t.Context(), args...)
		cmd.Stderr = &stderr
		err := cmd.Run()
		text := stderr.String()
		if name == "an unreadable folder" && err == nil && os.Getuid() == 0 {
			t.Errorf("%s: root can read it, and found files in it", name)
			continue
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("%s: exit %v, want 1", name, err)
		}
		if strings.Count(text, "\n") != 1 || !strings.Contains(text, c.says) {
			if name != "an unreadable folder" || os.Getuid() != 0 { // root reads it and finds it empty
				t.Errorf("%s: it says %q, want one line with %q", name, text, c.says)
			}
		}
		if _, err := os.Stat(fresh); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: an index was left", name)
		}
	}
}

// TestLostOutput takes away what each line is printed to.
func TestLostOutput(t *testing.T) {
	dir, _ := texts(t, 2)
	where := filepath.Join(t.TempDir(), "index")
	if err := run([]string{"-o", where, dir}, new(itself.Full)); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("the time that it took: %v", err)
	}
	for i, args := range [][]string{{}, {"-line", "1"}, {"-longest", "1"}} {
		room := itself.Full(min(i, 1))
		if err := run(append(args, "-open", where), &room); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// TestFullDisk builds an index on a disk that is too small for it: an error from Append, and
// nothing left.
func TestFullDisk(t *testing.T) {
	small := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", small).CombinedOutput(); err != nil {
		t.Skipf("a small disk needs mount and root: %v %s", err, out)
	}
	defer exec.Command("umount", small).Run()
	dir, _ := texts(t, 400)
	where := filepath.Join(small, "index")
	err := run([]string{"-o", where, dir}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("%v, want an error that says there is no space", err)
	}
	if _, err := os.Stat(where); !errors.Is(err, os.ErrNotExist) {
		t.Error("a half-written index was left")
	}
}

// TestInterruptedWhileBuilding sends the signals that ask a program to end: nothing is left, unless
// the build was done before.
func TestInterruptedWhileBuilding(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no process can be sent a signal")
	}
	dir, _ := texts(t, 1500)
	interrupted := 0
	for i := range 10 {
		where := filepath.Join(t.TempDir(), "index")
		var stderr bytes.Buffer
		cmd := itself.Command(t.Context(), "-o", where, dir)
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); ; {
			if _, err := os.Stat(where); err == nil {
				break
			}
			if time.Since(begun) > time.Minute {
				t.Fatal("no index is begun")
			}
		}
		time.Sleep(time.Duration(i) * time.Millisecond)
		sent := []os.Signal{os.Interrupt, syscall.SIGTERM}[i%2]
		if err := cmd.Process.Signal(sent); err != nil {
			t.Fatal(err)
		}
		err := cmd.Wait()
		if err == nil {
			continue
		}
		interrupted++
		if text := stderr.String(); cmd.ProcessState.ExitCode() != 1 || strings.Count(text, "\n") != 1 || !strings.Contains(text, "stopped by a signal") {
			t.Errorf("%v: %v, it says %q", sent, err, text)
		}
		if _, err := os.Stat(where); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v: a part of an index was left", sent)
		}
	}
	if interrupted == 0 {
		t.Error("every build was done before the signal")
	}
	t.Logf("%d of 10 builds interrupted", interrupted)
}

// TestKilledWhileBuilding kills the program in the middle of building, again and again: what is
// there afterwards is a valid index of a beginning of the lines that says so, or the clear error
// that there is none.
func TestKilledWhileBuilding(t *testing.T) {
	rounds := 10
	if os.Getenv("LINEINDEX_KILLS") != "" {
		fmt.Sscan(os.Getenv("LINEINDEX_KILLS"), &rounds)
	}
	dir, lines := texts(t, 1500)
	whole := time.Now()
	if err := itself.Command(t.Context(), "-o", filepath.Join(t.TempDir(), "index"), dir).Run(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(whole)
	r := rand.New(rand.NewPCG(5, 6))
	valid, none, partial := 0, 0, 0
	for i := range rounds {
		where := filepath.Join(t.TempDir(), "index")
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.Int64N(int64(took))))
		err := itself.Command(ctx, "-o", where, dir).Run()
		cancel()
		x, openErr := openIndex(where)
		if openErr != nil {
			if err == nil {
				t.Fatalf("round %d: built, but %v", i, openErr)
			}
			if !strings.Contains(openErr.Error(), "holds no index") && !errors.Is(openErr, typedmem.ErrTruncated) && !errors.Is(openErr, typedmem.ErrCorrupt) {
				t.Fatalf("round %d: %v", i, openErr)
			}
			none++
			continue
		}
		valid++
		_, finished := x.fileCount()
		if n := x.lines.Len(); n > len(lines) || finished && n < len(lines) || err == nil && !finished {
			t.Fatalf("round %d: %d lines of %d, finished: %v, exit: %v", i, n, len(lines), finished, err)
		}
		if !finished {
			partial++
		}
		var says bytes.Buffer
		if err := answer(where, 0, 0, &says); err != nil || strings.Contains(says.String(), "NOT FINISHED") == finished {
			t.Fatalf("round %d: finished: %v, it says %q, %v", i, finished, says.String(), err)
		}
		for j, l := range x.lines.All() {
			if int(l.Length) != len(lines[j]) {
				t.Fatalf("round %d: line %d has %d bytes, want %d", i, j, l.Length, len(lines[j]))
			}
			if _, _, err := x.file(l); err != nil {
				t.Fatalf("round %d: line %d: %v", i, j, err)
			}
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		// The next writer takes over where the killed one was.
		w, err := region.OpenMut[Line](filepath.Join(where, linesName))
		if err != nil {
			t.Fatalf("round %d: opening for writing: %v", i, err)
		}
		if err := errors.Join(w.Append(Line{}), w.Close()); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
	}
	t.Logf("%d kills: %d valid indexes, %d of them not finished, %d times none", rounds, valid, partial, none)
}

// TestCyclesLeaveNothing opens and closes the index again and again and compares the process's
// areas and descriptors with before.
func TestCyclesLeaveNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("compares the files of /proc")
	}
	dir, _ := texts(t, 3)
	where := filepath.Join(t.TempDir(), "index")
	if err := run([]string{"-o", where, dir}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	descriptors := func() int {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(open)
	}
	mappings := typedmem.ReadStats().Mappings
	before := 0
	for i := range 1000 {
		if err := answer(where, 3, 2, &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
		if i == 9 {
			before = descriptors()
		}
	}
	if n := descriptors(); n > before {
		t.Errorf("%d descriptors, %d before", n, before)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if strings.Contains(line, where) {
			t.Errorf("still mapped: %s", line)
		}
	}
	// The collector gives the addresses back, and its cleanups run in goroutines of their own.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		runtime.GC()
		s := typedmem.ReadStats()
		if s.HeldBytes == 0 && s.Mappings <= mappings {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d mappings, %d before; %d bytes of addresses are kept", s.Mappings, mappings, s.HeldBytes)
		}
	}
}

// TestDamagedHeader flips every byte that the headers use and cuts every file: a clear error or the
// same results, and the index untouched.
func TestDamagedHeader(t *testing.T) {
	dir, lines := texts(t, 3)
	where := filepath.Join(t.TempDir(), "index")
	if err := run([]string{"-o", where, dir}, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	const headerBytes = 64 << 10
	for _, name := range []string{linesName, filesName, pathsName} {
		path := filepath.Join(where, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		same := func(what string) {
			x, err := openIndex(where)
			if err != nil {
				return // clear by what the container's own tests say of it
			}
			defer x.Close()
			if files, finished := x.fileCount(); x.lines.Len() != len(lines) || files != 3 || !finished {
				t.Fatalf("%s %s: %d lines, %d files, finished: %v", name, what, x.lines.Len(), files, finished)
			}
		}
		for at := range headerBytes {
			if whole[at] == 0 && at%97 != 0 { // of the unused space some bytes
				continue
			}
			broken := bytes.Clone(whole[:headerBytes])
			broken[at] ^= 0x55
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(broken[at:at+1], int64(at)); err != nil {
				t.Fatal(err)
			}
			same(fmt.Sprintf("with byte %d flipped", at))
			if _, err := f.WriteAt(whole[at:at+1], int64(at)); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for n := 0; n <= len(whole)-os.Getpagesize(); n += 997 { // the elements end somewhere in the last page
			if err := os.WriteFile(path, whole[:n], 0o666); err != nil {
				t.Fatal(err)
			}
			if _, err := openIndex(where); err == nil {
				t.Fatalf("%s cut at %d of %d bytes opened", name, n, len(whole))
			}
			if left, _ := os.ReadFile(path); !bytes.Equal(left, whole[:n]) {
				t.Fatalf("%s was changed", name)
			}
		}
		if err := os.WriteFile(path, whole, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	same := filepath.Join(where, linesName)
	if _, err := region.Open[Line](same); err != nil {
		t.Error(err)
	}
}
