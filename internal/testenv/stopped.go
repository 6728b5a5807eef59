package testenv

import (
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem/internal/sys"
)

// Stopped runs call in a goroutine and stops it within the first system call of the kind op, as a
// slow device would. resume lets it go on and returns its error; the end of the test does so too.
func Stopped(t *testing.T, op sys.Op, call func() error) (resume func() error) {
	t.Helper()
	entered, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var first atomic.Bool
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == op && first.CompareAndSwap(false, true) {
			close(entered)
			<-release
		}
		return nil
	})
	go func() { done <- call() }()
	select {
	case <-entered:
	case err := <-done:
		restore()
		t.Fatalf("the call returned without a system call %v: %v", op, err)
	}
	var resumed bool
	resume = func() error {
		resumed = true
		close(release)
		err := <-done
		restore()
		return err
	}
	t.Cleanup(func() {
		if !resumed {
			_ = resume()
		}
	})
	return resume
}
