package mem

import (
	"cmp"
	"fmt"
	"sync/atomic"
)

// Writeback remembers that the system could not write pages of a file to the device. It counts them
// as written from then on: a later msync(2) or fsync(2) succeeds, although they are lost, and a
// flush of other pages may be the one that gets the error. So all mappings of one open file share
// it.
type Writeback struct{ failed atomic.Pointer[error] }

// Do flushes, unless a flush of the file has failed: then it returns that error. loses says of an
// error whether pages were lost; it is sys.LosesPages.
func (w *Writeback) Do(flush func() error, loses func(error) bool) error {
	if err := w.Failed(); err != nil {
		return err
	}
	err := flush()
	if loses(err) {
		err = fmt.Errorf("%w: what was changed since the last Sync may be lost, and no later Sync can save it; save it to another file now, as Snapshot does, and close this one", err)
		w.failed.CompareAndSwap(nil, &err)
	}
	return cmp.Or(w.Failed(), err)
}

// Failed returns the error of the first flush that failed, or nil.
func (w *Writeback) Failed() error {
	if err := w.failed.Load(); err != nil {
		return *err
	}
	return nil
}
