package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
)

func TestTopInEachFormat(t *testing.T) {
	f, err := os.Open("testdata/smaps.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all, err := readSmaps(f)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for _, f := range formats {
		for _, o := range []topOptions{{}, {files: true}, {most: 2}} {
			fmt.Fprintf(&out, "format %s, only files %t, at most %d:\n", f, o.files, o.most)
			if err := o.print(&out, format(f), all); err != nil {
				t.Error(err)
			}
		}
	}
	golden(t, "top", out.String())
}

func TestSmapsThatAreNone(t *testing.T) {
	const area = "00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/dbus-daemon\n"
	for _, text := range []string{"Size: 4 kB\n", area + "Size: many kB\n", area + "Rss: -4 kB\n", area + "Rss: 99999999999999999999 kB\n"} {
		if all, err := readSmaps(strings.NewReader(text)); err == nil {
			t.Errorf("%q is read as %v", text, all)
		}
	}
	broken := errors.New("broken")
	if _, err := readSmaps(iotest.ErrReader(broken)); err != broken {
		t.Error(err)
	}
	if all, err := readSmaps(strings.NewReader("")); err != nil || len(all) > 0 {
		t.Error(all, err)
	}
}

func TestBarsShowTheShare(t *testing.T) {
	for _, c := range []struct {
		part, whole uint64
		want        string
	}{
		{0, 0, "░░░░░░░░░░░░░░░░░░░░   0 %"}, {0, 9, "░░░░░░░░░░░░░░░░░░░░   0 %"}, {1, 1 << 40, "█░░░░░░░░░░░░░░░░░░░   0 %"},
		{1, 2, "██████████░░░░░░░░░░  50 %"}, {1<<40 - 1, 1 << 40, "███████████████████░ 100 %"}, {7, 7, "████████████████████ 100 %"},
		{8, 7, "████████████████████ 100 %"},
	} {
		if got := bar(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d: %s, not %s", c.part, c.whole, got, c.want)
		}
	}
}

func TestTopOfThisProcess(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/some name")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Truncate(1 << 20); err != nil {
		t.Fatal(err)
	}
	m, err := options.New(1<<20).WithFile(file, 0).WithFlags(flags.Shared | flags.Populate).Map()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var out, wrong bytes.Buffer
	status := run(context.Background(), []string{"top", "-files", "-n", "0", fmt.Sprint(os.Getpid())}, nil, &out, &wrong)
	if runtime.GOOS != "linux" {
		if status != 1 || !strings.Contains(wrong.String(), "does not tell") {
			t.Errorf("exit status %d: %s", status, wrong.String())
		}
		return
	}
	if status != 0 || wrong.Len() > 0 {
		t.Fatalf("exit status %d: %s", status, wrong.String())
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasSuffix(line, file.Name()+"\n") {
			if !strings.HasPrefix(strings.TrimSpace(line), "1 MiB ") {
				t.Error(line)
			}
			return
		}
	}
	t.Errorf("no line ends with %s:\n%s", file.Name(), out.String())
}

func TestTopWatchesUntilTheEnd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells what of a process is in memory")
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	var screen strings.Builder
	if err := (topOptions{every: 1 << 40, most: 1}).watch(ctx, &screen, os.Getpid()); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(screen.String(), "\x1b[H") || !strings.Contains(screen.String(), "RESIDENT") {
		t.Errorf("%q", screen.String())
	}
	if err := (topOptions{}).watch(ctx, &screen, 1<<30); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestWrongTops(t *testing.T) {
	golden(t, "top-wrong", session(t, "top", "top me", "top --every 1us 1", "top -n -1 1", "top --every soon 1"))
}
