// Package testkit holds what the tests of several packages say: that a call succeeds, that it fails
// as it should, that a file exists. It imports neither typedmem nor internal/sys, so that their own
// tests can use it.
package testkit

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/mem"
)

// Must returns the result of a call that has to succeed: Must(os.Open(name))(t).
func Must[T any](x T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		Check(t, err)
		return x
	}
}

// Check fails the test unless err is nil.
func Check(t testing.TB, err error, what ...any) {
	t.Helper()
	if err != nil {
		t.Fatal(about(what), err)
	}
}

// Is fails the test unless err wraps want.
func Is(t testing.TB, err, want error, what ...any) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%sthe error is %v, want %v", about(what), err, want)
	}
}

func about(what []any) string {
	if len(what) == 0 {
		return ""
	}
	return fmt.Sprint(what...) + ": "
}

// Wants fails the test unless err wraps want, is a *typedmem.Error that names its operation, and
// says all of the words. Where want is nil, err has to be nil.
func Wants(t testing.TB, what string, err, want error, words ...string) {
	t.Helper()
	if want == nil {
		Check(t, err, what)
		return
	}
	if !errors.Is(err, want) || !ours(err) {
		t.Fatalf("%s: %T %v, want a *typedmem.Error that wraps %v", what, err, err, want)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Fatalf("%s: %q does not say %q", what, err, w)
		}
	}
}

// ours reports whether err is or wraps a *typedmem.Error that names its operation. It knows the
// type by its name, since this package cannot import it.
func ours(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if fmt.Sprintf("%T", err) == "*typedmem.Error" {
			return reflect.ValueOf(err).Elem().FieldByName("Op").String() != ""
		}
		if several, ok := err.(interface{ Unwrap() []error }); ok {
			for _, err := range several.Unwrap() {
				if ours(err) {
					return true
				}
			}
			return false
		}
	}
	return false
}

// Caught returns the error that f panics with, nil where it does not panic. A panic with anything
// but a *typedmem.Error fails the test.
func Caught(t testing.TB, f func()) (err error) {
	t.Helper()
	defer func() {
		t.Helper()
		if r := recover(); r != nil {
			if err, _ = r.(error); !ours(err) {
				t.Fatalf("panic with %T, not a *typedmem.Error: %v\n%s", r, r, debug.Stack())
			}
		}
	}()
	f()
	return nil
}

// CloseLater closes c when the test ends, unless the test has done so.
func CloseLater(t testing.TB, c io.Closer) {
	t.Cleanup(func() {
		if err := c.Close(); err != nil && !errors.Is(err, mem.ErrClosed) {
			t.Errorf("close: %v", err)
		}
	})
}

// Returns returns the error of f, and fails the test where f waits for another call.
func Returns(t testing.TB, what string, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(30 * time.Second):
		t.Fatalf("%s waits for the other call", what)
		return nil
	}
}

// File makes a file with these contents, open for reading and writing until the test ends.
func File(t testing.TB, contents []byte) *os.File {
	t.Helper()
	f := Must(os.Create(filepath.Join(t.TempDir(), "file")))(t)
	t.Cleanup(func() { f.Close() })
	Must(f.Write(contents))(t)
	return f
}

// Names lists a directory.
func Names(t testing.TB, dir string) (names []string) {
	t.Helper()
	for _, entry := range Must(os.ReadDir(dir))(t) {
		names = append(names, entry.Name())
	}
	return names
}

// FastDir returns a directory in memory, or one on the disk where the system has none.
func FastDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "typedmem")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// Cond returns yes where c is true, no otherwise.
func Cond[T any](c bool, yes, no T) T {
	if c {
		return yes
	}
	return no
}

// AllocatesNothing fails the test if so many runs of f allocate once a run or more. The count is
// that of the whole process, so other goroutines may add to it: f is cleared by one measurement
// without any.
func AllocatesNothing(t testing.TB, what string, runs int, f func()) {
	t.Helper()
	least := math.Inf(1)
	for range 10 {
		if least = min(least, testing.AllocsPerRun(runs, f)); least == 0 {
			return
		}
	}
	t.Errorf("%s: %v allocations", what, least)
}
