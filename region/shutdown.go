package region

import (
	"context"

	"github.com/typedmem/typedmem/internal/shell"
)

// Shutdown refuses new pins of the region with [typedmem.ErrClosed], waits until those that there
// are have ended, and closes the region. It returns what [Region.Close] returns then, such as the
// error of the last Sync of a file.
//
// It also waits for calls of other goroutines for which Close returns [typedmem.ErrBusy]: Sync,
// Flush, Prefault, Refresh. Meanwhile the region works on, so a goroutine that has a pin can read,
// append and sync until it calls unpin. Pins of all ranges that a reader has moved from are waited
// for, and Refresh goes on.
//
//   - If ctx ends first, Shutdown returns an error that wraps ctx.Err() and says how many pins are
//     left. The region stays open and can be pinned again.
//   - If nothing holds the region, Shutdown closes it even if ctx has ended.
//   - If another Shutdown or Close closes the region first, it returns [typedmem.ErrClosed], as it
//     does for a closed, merged or zero Region.
//   - After any other error the region is as Close leaves it: if the file could not be synced it is
//     open and can be pinned, and if others have made the file shorter it is closed.
//
// A part that SplitOff or SplitTo made is shut down by itself.
func (r *Region[T]) Shutdown(ctx context.Context) error {
	if r.core == nil {
		return shell.Fail("shutdown", errZero)
	}
	return shell.Fail("shutdown", r.core.inner().Shutdown(ctx, r.core.close))
}
