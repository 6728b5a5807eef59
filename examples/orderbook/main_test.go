package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/typedmem/typedmem/examples/internal/itself"
)

func TestMain(m *testing.M) { itself.Main(m, main) }

func small() config { return config{n: 30_000, book: 2_000, seed: 3, capacity: 1 << 14} }

func TestSlabAndHeapGiveTheSameBook(t *testing.T) {
	c := small()
	c.heap = true
	var out bytes.Buffer
	if err := run(&out, c); err != nil {
		t.Fatal(err)
	}
	if strings.Count(out.String(), "pauses") != 2 {
		t.Fatal(out.String())
	}
}

func TestKilledOnTheWay(t *testing.T) {
	c := small()
	c.n, c.kills, c.wait = 2_000_000, 3, 50*time.Millisecond // so many messages take much longer
	var out bytes.Buffer
	if err := run(&out, c); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if !strings.Contains(out.String(), "the same book") || !strings.Contains(out.String(), "killed\n") {
		t.Fatal(out.String())
	}
}

func TestDoneBeforeTheKill(t *testing.T) {
	c := small()
	c.n, c.kills, c.wait = 100, 3, time.Minute
	var out bytes.Buffer
	if err := run(&out, c); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if strings.Contains(out.String(), "killed\n") || !strings.Contains(out.String(), "done before") || !strings.Contains(out.String(), "after 0 kills") {
		t.Error(out.String())
	}
}

func TestLostOutput(t *testing.T) {
	c := small()
	c.n, c.dir = 100, t.TempDir()
	for range 2 { // the second run says first what the book has seen
		if err := run(new(itself.Full), c); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%v, want %v", err, io.ErrShortWrite)
		}
	}
	c.dir, c.heap = "", true
	room := itself.Full(1)
	if err := run(&room, c); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("on the heap: %v", err)
	}
}

// TestBookIsOfOneSource continues a book with the same messages, fewer of them, and others.
func TestBookIsOfOneSource(t *testing.T) {
	c := small()
	c.n, c.dir = 3000, filepath.Join(t.TempDir(), "new", "book")
	none := c
	none.file = "none.csv"
	if err := run(&bytes.Buffer{}, none); !errors.Is(err, os.ErrNotExist) { // it leaves a book that has seen nothing
		t.Errorf("a file that is not there: %v", err)
	}
	for _, n := range []int{3000, 4000, 2000} { // of fewer there is nothing to do
		c.n = n
		c.capacity++ // that of a new book; this one keeps its own
		var out bytes.Buffer
		if err := run(&out, c); err != nil || n == 2000 && !strings.Contains(out.String(), " 0 messages") {
			t.Errorf("%d messages: %v\n%s", n, err, out.String())
		}
	}
	c.heap = true
	if err := run(&bytes.Buffer{}, c); err == nil || !strings.Contains(err.Error(), "compares") {
		t.Errorf("fewer messages on the heap: %v", err)
	}
	c.n = 4000
	if err := run(&bytes.Buffer{}, c); err != nil {
		t.Errorf("as many on the heap: %v", err)
	}
	seed, book, file := c, c, c
	seed.seed++
	book.book++
	file.file = "messages.csv"
	for _, other := range []config{seed, book, file} {
		if err := run(&bytes.Buffer{}, other); err == nil || !strings.Contains(err.Error(), "-seed 3 -book 2000") {
			t.Errorf("other messages: %v", err)
		}
	}
}

// A message that is applied twice, as the one is during which a process was killed, counts once.
func TestMessagesCountOnce(t *testing.T) {
	c := small()
	once, err := openBook("", c.capacity)
	if err != nil {
		t.Fatal(err)
	}
	defer once.Close()
	dir := t.TempDir()
	twice, err := openBook(dir, c.capacity)
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	for m := range c.messages() {
		n++
		for i := range 2 {
			if err := twice.Apply(n, m); err != nil {
				t.Fatal(err)
			}
			if n%10_000 == 0 && i == 0 {
				if err := twice.Close(); err != nil {
					t.Fatal(err)
				}
				if twice, err = openBook(dir, c.capacity); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := once.Apply(n, m); err != nil {
			t.Fatal(err)
		}
	}
	a, err := once.Digest()
	if err != nil {
		t.Fatal(err)
	}
	b, err := twice.Digest()
	if err != nil || a != b {
		t.Fatalf("%s, %s (%v)", a, b, err)
	}
	if err := twice.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestBadArguments(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for says, args := range map[string][]string{
		"-n ":        {"-n", "-1"},
		"-book ":     {"-book", "0"},
		"from 1":     {"-n", "10", "-book", "-1"},
		"-capacity ": {"-capacity", "0"},
		"-kill ":     {"-kill", "-1"},
		"it takes":   {"one", "two"},
		"no such":    {"none.csv"},
	} {
		var stderr strings.Builder
		cmd := exec.CommandContext(t.Context(), self, args...)
		cmd.Stderr = &stderr
		if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("%q: %v, want exit status 1", args, err)
		}
		if text := stderr.String(); !strings.HasPrefix(text, "orderbook: ") || strings.Count(text, "\n") != 1 || !strings.Contains(text, says) {
			t.Errorf("%q: it says %q, want one line with %q", args, text, says)
		}
	}
}

func TestMessageFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "messages.csv")
	text := "34200.1,1,10,100,5853300,1\n34200.2,1,11,50,5853400,-1\n34200.3,4,10,40,5853300,1\n34200.4,5,0,7,5853350,1\n34200.5,3,11,50,5853400,-1\n"
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(&out, config{file: path, capacity: 10, heap: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "slab: 1 orders in 1 levels") {
		t.Fatal(out.String())
	}
	for _, bad := range []string{"34200.1,1,x", strings.Repeat("1", 70_000)} {
		if err := os.WriteFile(path, []byte(text+bad), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := run(&out, config{file: path, capacity: 10}); err == nil || !strings.Contains(err.Error(), path+", line 6: ") {
			t.Fatal(err)
		}
	}
}
