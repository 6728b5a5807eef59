package testenv

import (
	"os"
	"strings"
	"testing"
)

// Descriptors counts the process's descriptors of files whose path begins with prefix. A count of
// all would change as the collector closes what other tests left.
func Descriptors(t testing.TB, prefix string) (n int) {
	t.Helper()
	const dir = "/proc/self/fd"
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range list {
		target, _ := os.Readlink(dir + "/" + fd.Name()) // fails for the descriptor that ReadDir used
		if strings.HasPrefix(target, prefix) {
			n++
		}
	}
	return n
}
