package blob

import "github.com/typedmem/typedmem/internal/shell"

// Sync makes all blobs durable whose Append has returned: they survive a power failure. It may run
// beside Append. See [region.Region.Sync] for the errors, such as [typedmem.ErrReplaced].
func (s *Store) Sync() error {
	r, err := s.open()
	if err != nil {
		return shell.Fail("sync", err)
	}
	s.appending.Lock()
	unsettled := s.unsettled
	s.appending.Unlock()
	err = r.Sync()
	s.appending.Lock()
	defer s.appending.Unlock()
	if err == nil && s.unsettled == unsettled {
		s.unsettled = 0
	}
	return err
}

// settled returns the end of the blobs whose Refs may go to others: beside a SyncBefore an Append
// publishes its blob before that is durable. Without one there is no such end: the next SyncBefore
// makes all of them durable before it calls a function, or calls none.
func (s *Store) settled() int {
	s.appending.Lock()
	defer s.appending.Unlock()
	if s.ordered > 0 && s.unsettled > 0 {
		return s.unsettled
	}
	return s.Size()
}

// SyncBefore makes the store durable, then calls each of the functions in turn, such as the Sync of
// a region whose elements have Refs of the store. It returns the first error, and calls nothing
// after it. If all such files are synced in this way only, each Ref in them names its blob after a
// power failure at any instant.
//
// This holds while other goroutines append blobs and elements: an Append beside a SyncBefore makes
// its blob durable before it returns the Ref, so that the functions never make a Ref durable before
// its blob. Nothing is locked while a function runs: it may use the store, and call SyncBefore of
// this or another store. For elements with Refs of two stores write
//
//	names.SyncBefore(func() error { return texts.SyncBefore(records.Sync) })
func (s *Store) SyncBefore(others ...func() error) error {
	if _, err := s.open(); err != nil {
		return shell.Fail("sync", err)
	}
	s.order(1)
	defer s.order(-1)
	if err := s.Sync(); err != nil {
		return err
	}
	for _, sync := range others {
		if err := sync(); err != nil {
			return err
		}
	}
	return nil
}

// order counts a SyncBefore. An Append that has not seen the count has published its blob before,
// and the Sync that follows finds it.
func (s *Store) order(n int) {
	s.appending.Lock()
	defer s.appending.Unlock()
	s.ordered += n
}
