package container

import (
	"errors"
	"fmt"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
)

// How long an open waits for a lock whose holder may be one that does not stay: another process
// that looks who has it, or makes or repairs a file that several are to write to.
const (
	shortWait  = 20 * time.Millisecond
	namedWait  = 100 * time.Millisecond // shared, where the live record names a process, which may be dead
	lockPeriod = time.Millisecond
)

// lock takes the writer lock alone.
func (c *File) lock() error {
	for start := time.Now(); ; time.Sleep(lockPeriod) {
		err := sys.LockFile(c.f)
		if err == nil {
			c.locked = true
			return c.stillNamed()
		}
		if !errors.Is(err, sys.ErrLocked) {
			return err
		}
		who, pid := "another writer", uint64(0)
		if sys.LockFileShared(c.f) == nil { // so nobody has it alone
			who = "at least one writer with FileOptions.Shared"
			if err := sys.UnlockFile(c.f); err != nil {
				return err
			}
		} else if pid = c.recorded(); pid != 0 {
			who = fmt.Sprintf("the writer in process %d", pid)
		}
		if pid != 0 || time.Since(start) > shortWait {
			return fmt.Errorf("%s has it open, and a file has one writer at a time; open it read-only, or wait: %w", who, typedmem.ErrBusy)
		}
	}
}

// lockShared takes the writer lock together with others.
func (c *File) lockShared() error {
	for start := time.Now(); ; time.Sleep(lockPeriod) {
		err := sys.LockFileShared(c.f)
		if err == nil {
			c.locked = true
			return c.stillNamed()
		}
		if !errors.Is(err, sys.ErrLocked) {
			return err
		}
		who, wait := "another writer", patience
		if pid := c.recorded(); pid != 0 {
			who, wait = fmt.Sprintf("the writer in process %d", pid), namedWait
		}
		if time.Since(start) > wait {
			return fmt.Errorf("%s has it open alone, without FileOptions.Shared; wait for it, or open the file read-only: %w", who, typedmem.ErrBusy)
		}
	}
}

// recorded returns the process ID in the live record, 0 if there is none.
func (c *File) recorded() uint64 {
	record := make([]byte, liveSize)
	if _, err := c.f.ReadAt(record, liveOffset); err != nil {
		return 0
	}
	return livePID(record)
}
