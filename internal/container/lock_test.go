package container

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
)

// A writer that looks who has the file, however late, is not told of several writers where there
// was one that has closed it meanwhile: it gets the file.
func TestAWriterThatIsGoneIsNotTakenForSeveral(t *testing.T) {
	path := made(t, 1)
	spec := specOf[record](KindRegion)
	alone := testkit.Must(Open(path, spec, true))(t) // no live record: it has not begun
	closed := false
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpLockFileShared && !closed {
			closed = true
			testkit.Check(t, alone.Close(-1))
			time.Sleep(2 * shortWait)
		}
		return nil
	})
	c, err := Open(path, spec, true)
	restore()
	testkit.Check(t, err)
	testkit.Check(t, c.Close(-1))
	if !closed {
		t.Error("nobody looked")
	}

	shared := spec
	shared.Shared = true
	one := testkit.Must(OpenShared(path, shared))(t)
	defer one.Close(-1)
	if _, err := Open(path, spec, true); !errors.Is(err, typedmem.ErrBusy) || !strings.Contains(err.Error(), "FileOptions.Shared") {
		t.Error(err)
	}
}
