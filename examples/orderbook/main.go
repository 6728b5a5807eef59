// Command orderbook keeps a limit order book in slab files: orders are linked by handles into price
// levels. What the book was made from is in a blob file, and how far it has come in a region file.
//
//	go run ./examples/orderbook -dir book messages.csv    a LOBSTER message file (lobsterdata.com)
//	go run ./examples/orderbook                           a generated one, in memory
//	go run ./examples/orderbook -kill 5                   killed five times on the way
//	go run ./examples/orderbook -heap                     with pointers, and the pauses of both
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"
)

type config struct {
	dir      string
	n, book  int
	seed     uint64
	capacity int
	kills    int
	wait     time.Duration // before each kill; 0: at random
	heap     bool
	file     string
}

func main() {
	var c config
	flag.StringVar(&c.dir, "dir", "", "folder of the book's files; empty: in memory")
	flag.IntVar(&c.n, "n", 1_000_000, "messages to generate")
	flag.IntVar(&c.book, "book", 100_000, "orders in the generated book, about")
	flag.Uint64Var(&c.seed, "seed", 1, "of the generated messages")
	flag.IntVar(&c.capacity, "capacity", 1<<22, "orders that a new book has room for")
	flag.IntVar(&c.kills, "kill", 0, "kill the process so many times on the way")
	flag.BoolVar(&c.heap, "heap", false, "do the same with pointers on the heap and compare")
	flag.Parse()
	c.file = flag.Arg(0)
	err := c.check()
	if flag.NArg() > 1 {
		err = fmt.Errorf("%d message files, it takes one", flag.NArg())
	}
	if err == nil {
		err = run(os.Stdout, c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "orderbook:", err)
		os.Exit(1)
	}
}

// check refuses numbers that mean nothing.
func (c config) check() error {
	switch {
	case c.n < 0:
		return errors.New("-n takes no negative number")
	case c.book < 1 || c.book > 1<<29:
		return fmt.Errorf("-book takes a number from 1 to %d", 1<<29)
	case c.capacity < 1:
		return errors.New("-capacity takes a positive number")
	case c.kills < 0:
		return errors.New("-kill takes no negative number")
	}
	return nil
}

func (c config) messages() iter.Seq2[Message, error] {
	if c.file != "" {
		return fromFile(c.file)
	}
	return generated(c.seed, c.n, c.book)
}

// source says where the messages come from; the same words mean the same messages.
func (c config) source() (string, error) {
	if c.file == "" {
		return fmt.Sprintf("messages generated with -seed %d -book %d", c.seed, c.book), nil
	}
	return filepath.Abs(c.file)
}

func run(w io.Writer, c config) error {
	if c.kills > 0 {
		return killed(w, c)
	}
	b, err := openBook(c.dir, c.capacity)
	if err != nil {
		return err
	}
	digest, err := catchUp(w, c, b)
	if err = errors.Join(err, b.Close()); err != nil || !c.heap {
		return err
	}
	same, _, err := feed(w, "heap", c, newHeapBook(), 0)
	if err != nil {
		return err
	}
	if same != digest {
		return fmt.Errorf("the books differ: %s in the slab, %s on the heap", digest, same)
	}
	return nil
}

// catchUp applies the messages that the book has not seen, once it is clear that it saw their
// beginning.
func catchUp(w io.Writer, c config, b *Book) (string, error) {
	source, err := c.source()
	if err != nil {
		return "", err
	}
	if err := b.claim(source); err != nil {
		return "", err
	}
	from := b.Applied()
	if from > 0 {
		if _, err := fmt.Fprintf(w, "the book has seen %d messages\n", from); err != nil {
			return "", err
		}
	}
	digest, n, err := feed(w, "slab", c, b, from)
	if err == nil && n < from && c.heap {
		err = fmt.Errorf("a heap book of %d messages compares with no book that has seen %d", n, from)
	}
	return digest, err
}

type book interface {
	Apply(n uint64, m Message) error
	Digest() (string, error)
}

// feed applies all messages after the first from, and prints what the book is then and what the
// collector did meanwhile. n is how many messages there are.
func feed(w io.Writer, name string, c config, b book, from uint64) (digest string, n uint64, err error) {
	runtime.GC()
	before, start := readPauses(), time.Now()
	for m, err := range c.messages() {
		if err != nil {
			return "", n, err
		}
		if n++; n <= from {
			continue
		}
		if err := b.Apply(n, m); err != nil {
			return "", n, fmt.Errorf("message %d: %w", n, err)
		}
	}
	runtime.GC()
	took, pauses := time.Since(start), readPauses().since(before)
	if digest, err = b.Digest(); err != nil {
		return "", n, err
	}
	_, err = fmt.Fprintf(w, "%s: %s\n      %d messages in %v; %v\n", name, digest, max(n, from)-from, took.Round(time.Millisecond), pauses)
	return digest, n, err
}

// killed has a child process apply the messages, kills it and starts it again, so many times unless
// it is done before, and compares the book with that of an uninterrupted run.
func killed(w io.Writer, c config) error {
	dir, err := os.MkdirTemp("", "orderbook")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) // it may stay in the folder for temporary files
	program, err := os.Executable()
	if err != nil {
		return err
	}
	args := []string{"-dir", dir, "-n", strconv.Itoa(c.n), "-book", strconv.Itoa(c.book), "-seed", strconv.FormatUint(c.seed, 10),
		"-capacity", strconv.Itoa(c.capacity)}
	if c.file != "" {
		args = append(args, c.file)
	}
	kills, finished := 0, false
	for !finished {
		child := exec.Command(program, args...)
		child.Stdout, child.Stderr = w, os.Stderr
		if err := child.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- child.Wait() }()
		var later <-chan time.Time // never, after the last kill
		if kills < c.kills {
			later = time.After(cmp.Or(c.wait, time.Duration(20+rand.IntN(200))*time.Millisecond))
		}
		select {
		case err := <-ended:
			if err != nil {
				return err
			}
			finished = true
		case <-later:
			_ = child.Process.Kill() // fails when it has just ended
			if finished = <-ended == nil; !finished {
				kills++
				if _, err := fmt.Fprintln(w, "killed"); err != nil {
					return err
				}
			}
		}
	}
	if kills < c.kills {
		if _, err := fmt.Fprintf(w, "done before it could be killed %d times\n", c.kills); err != nil {
			return err
		}
	}
	b, err := openBook(dir, c.capacity)
	if err != nil {
		return err
	}
	got, err := b.Digest()
	if err = errors.Join(err, b.Close()); err != nil {
		return err
	}
	c.dir = ""
	whole, err := openBook("", c.capacity)
	if err != nil {
		return err
	}
	want, _, err := feed(w, "uninterrupted", c, whole, 0)
	if err = errors.Join(err, whole.Close()); err != nil {
		return err
	}
	if got != want {
		return fmt.Errorf("the books differ: %s after the kills, %s without", got, want)
	}
	_, err = fmt.Fprintf(w, "the same book after %d kills: %s\n", kills, got)
	return err
}
