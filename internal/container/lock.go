package container

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
)

// How long an open waits for a lock whose holder may be one that does not stay: another process
// that looks who has it, or makes or repairs a file that several are to write to.
const (
	shortWait  = 20 * time.Millisecond
	namedWait  = 100 * time.Millisecond // shared, where the live record names a process that runs
	lockPeriod = time.Millisecond
)

// lock takes the writer lock alone.
func (c *File) lock() error {
	shared := 0 // how often in a row others had the lock together
	for start := time.Now(); ; time.Sleep(lockPeriod) {
		late := time.Since(start) > shortWait
		err := sys.LockFile(c.f)
		if err == nil {
			c.locked = true
			return c.stillNamed()
		}
		if !errors.Is(err, sys.ErrLocked) {
			return err
		}
		pid := c.recorded()
		if pid == 0 && !late {
			continue
		}
		who := "another writer"
		if sys.LockFileShared(c.f) == nil { // so nobody has it alone; for this instant nobody else can take it
			who, pid = "at least one writer with FileOptions.Shared", 0
			shared++
			if err := sys.UnlockFile(c.f); err != nil {
				return err
			}
		} else if shared = 0; pid != 0 {
			who = fmt.Sprintf("the writer in process %d", pid)
		}
		if pid != 0 || late && shared != 1 { // the first time it may be free, or another one may be looking
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

// recorded returns the process ID in the live record, 0 if there is none, or if no process has it:
// then the lock is that of another one, which is opening the file or repairs it.
func (c *File) recorded() uint64 {
	record := make([]byte, liveSize)
	if _, err := c.f.ReadAt(record, liveOffset); err != nil || !sameBoot(record) {
		return 0
	}
	pid := livePID(record)
	if pid > math.MaxInt32 || !sys.ProcessRuns(int(pid)) {
		return 0
	}
	return pid
}
