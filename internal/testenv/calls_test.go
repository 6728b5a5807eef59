package testenv

import (
	"errors"
	"os"
	"testing"

	"github.com/typedmem/typedmem/internal/sys"
)

func TestInterposeHereSeesItsOwnGoroutine(t *testing.T) {
	refused := errors.New("refused")
	var seen int
	defer InterposeHere(func(sys.Call) error { seen++; return refused })()
	f, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := sys.SyncFile(f); !errors.Is(err, refused) || seen != 1 {
		t.Errorf("a call of this goroutine: %v, %d seen", err, seen)
	}
	other := make(chan error)
	go func() { other <- sys.SyncFile(f) }()
	if err := <-other; err != nil || seen != 1 {
		t.Errorf("a call of another goroutine: %v, %d seen", err, seen)
	}
}
