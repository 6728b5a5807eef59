package blob

import (
	"context"

	"github.com/typedmem/typedmem/internal/shell"
)

// Close releases the memory and ends every view of it; a writer syncs first if it has appended
// anything since the last Sync. A method that another goroutine is in meanwhile returns its result
// or [typedmem.ErrClosed]. Views are checked as package region says: an access that runs at this
// very moment faults, and [Store.Pin] keeps Close out. Close waits for an Append of another
// goroutine.
//
//   - [typedmem.ErrClosed]: the store was closed before.
//   - [typedmem.ErrBusy]: it is pinned, or another goroutine is in a Sync, Close or Refresh, or
//     brings in pages of the file. The store stays open.
//   - Any other error is one of [region.Region.Close].
func (s *Store) Close() error {
	r, err := s.open()
	if err != nil {
		return shell.Fail("close", err)
	}
	s.appending.Lock()
	defer s.appending.Unlock()
	return r.Close()
}

// Shutdown is the Close that waits for pins and for calls at work, until the context ends; see
// [region.Region.Shutdown].
func (s *Store) Shutdown(ctx context.Context) error {
	r, err := s.open()
	if err != nil {
		return shell.Fail("shutdown", err)
	}
	return r.Shutdown(ctx)
}

// Pin holds the store open until unpin is called; see [region.Region.Pin].
func (s *Store) Pin() (unpin func(), err error) {
	r, err := s.open()
	if err != nil {
		return nil, shell.Fail("pin", err)
	}
	return r.Pin()
}
