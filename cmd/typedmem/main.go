// Command typedmem looks into region, slab and blob files, moves their data in and out, and shows
// what a running process has mapped.
//
//	go run ./cmd/typedmem -h
//
// The exit status is 0 where all went well, 1 where the command failed or found something wrong,
// and 2 where it was called in a wrong way.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// errWrong is what a command returns that has printed what is wrong.
var errWrong = errors.New("something is wrong")

// useError is a mistake in the command line that only the command itself can see.
type useError struct{ text string }

func (e *useError) Error() string { return e.text }

func wrongUse(format string, args ...any) error { return &useError{fmt.Sprintf(format, args...)} }

// run executes one command line and returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	began := false
	root := rootCommand(&began)
	out := bufio.NewWriterSize(stdout, 1<<16)
	root.SetArgs(twoDashes(args))
	root.SetIn(stdin)
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	flushed := out.Flush()
	if flushed != nil && (err == nil || err == errWrong) {
		err = flushed
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, syscall.EPIPE): // the reader, such as head, has enough
		return 0
	}
	if err != errWrong {
		fmt.Fprintf(stderr, "typedmem: %s\n", strings.TrimPrefix(err.Error(), "typedmem: ")) // the library's begin so
	}
	if use := (*useError)(nil); flushed == nil && (!began || errors.As(err, &use)) {
		return 2
	}
	return 1
}

// twoDashes writes "-format" as "--format", so that both work. One letter stays: "-f".
func twoDashes(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		if arg == "--" {
			break
		}
		name, _, _ := strings.Cut(arg, "=")
		if len(name) > 2 && name[0] == '-' && strings.Trim(name[1:], "abcdefghijklmnopqrstuvwxyz") == "" {
			args[i] = "-" + arg
		}
	}
	return args
}
