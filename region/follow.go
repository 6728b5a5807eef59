package region

import (
	"context"
	"fmt"
	"iter"
	"time"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/shell"
)

// Follow yields the elements of the region as they are published, from the first one on, each once
// and in order: a view of all that is there, then a view of each batch that came since the last
// one. The writer may be another goroutine that uses the same region, or the writer of the file
// that the region reads, in this or another process; then Follow does what [Region.Refresh] does.
// The loop ends with a pair of an empty view and one of these errors:
//
//   - The error of ctx, when ctx has ended. What was published before that is yielded first.
//   - [typedmem.ErrReplaced]: the path of the file names another file now, or none. What was
//     published before that was noticed, at most some 100 ms later, is yielded first.
//   - [typedmem.ErrBounds]: the region was made shorter by Resize or a split, so that elements that
//     were yielded may be gone, or be others by now. Follow again to begin anew.
//   - [typedmem.ErrClosed]: this region was closed. What was not yielded by then is not.
//   - The errors of [Region.Refresh].
//
// A writer that closes the file, or is killed, does not end the loop. Follow waits for the next
// writer and goes on where it was.
//
// While the writer works, which is to say publishes something every two seconds, a batch is yielded
// within 5 ms, usually within one or two: Follow looks each millisecond, and at least every 4 ms.
// After a longer rest it looks less often: the next batch is found within a 512th of the time that
// the writer has rested, at most 50 ms. A busy machine may add to that. Appending costs nothing for
// it. Looking takes some microseconds.
//
// Views stay valid as those of [Region.View] do. Follow holds no pin: [Region.Close] and Shutdown
// do not wait for it, but for a goroutine that has pinned the region. Any number of loops may run
// at once, also beside Refresh and Append; each yields everything. Each loop over the result begins
// anew.
func (r *Region[T]) Follow(ctx context.Context) iter.Seq2[View[T], error] {
	return func(yield func(View[T], error) bool) {
		if r.core.closed() {
			yield(View[T]{}, shell.Fail("follow", r.errClosed()))
			return
		}
		at := position{core: r.core, last: time.Now()}
		for {
			end := at.ended(ctx) // first, so that what was published before is yielded
			v, err := next(r, &at)
			if v.n > 0 && !yield(v, nil) {
				return
			}
			if err == nil {
				err = end
			}
			if err != nil {
				yield(View[T]{}, shell.Fail("follow", err))
				return
			}
			if v.n == 0 {
				at.wait(ctx)
			}
		}
	}
}

// next returns a view of the elements that were published since the last one.
func next[T any](r *Region[T], at *position) (View[T], error) {
	for {
		if at.n == 0 {
			at.shorter = r.core.shorter.Load()
		}
		_, err := r.core.refresh()
		l := r.now()
		n := r.core.onlyRows(lengthOf[T](l))
		switch changed := r.core.shorter.Load() != at.shorter; { // after the length: see core.noteShorter
		case r.core.closed():
			return View[T]{}, typedmem.ErrClosed
		case at.n > 0 && (changed || n < at.n):
			return View[T]{}, fmt.Errorf("the region was made shorter after %d elements had been yielded; follow it again to begin anew: %w", at.n, typedmem.ErrBounds)
		case err != nil:
			return View[T]{}, err
		case !changed:
			return since[T](l, at, n), nil
		}
	}
}

// since returns a view of the elements from the position to n, which becomes the position.
func since[T any](l *mem.Limits, at *position, n int) View[T] {
	if n == at.n {
		return View[T]{}
	}
	all := View[T]{unsafe.Add(unsafe.Pointer(nil), l.Base()), n, address[T](l, n), l}
	v := viewOf(all.elements()[at.n:], l)
	at.n, at.last = n, time.Now()
	return v
}

// position is how far a Follow has come.
type position struct {
	core    *core
	n       int       // the elements that were yielded
	shorter uint64    // core.shorter when they were
	last    time.Time // when there was a batch
	checked time.Time // when the path was looked up
}

// How often a Follow looks: after this part of the time since the last batch, within these bounds.
// It looks and does not wait to be woken. A wake between processes (futex(2)) would take a system
// call for each Append, or a flag in the file that readers could not set, since they may only read
// it; WaitOnAddress does not go beyond a process.
const (
	pausePart  = 512
	leastPause = time.Millisecond
	mostPause  = 50 * time.Millisecond
	checkPath  = 100 * time.Millisecond
)

// pauseAfter returns how long a Follow waits that has found nothing, by the time since the last
// batch: at most 4 ms in the first two seconds.
func pauseAfter(rest time.Duration) time.Duration {
	return min(max(rest/pausePart, leastPause), mostPause)
}

// wait returns when it is time to look again, or ctx has ended.
func (p *position) wait(ctx context.Context) {
	timer := time.NewTimer(pauseAfter(time.Since(p.last)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// ended returns why no more is to be yielded after what is published now, nil if there is no
// reason.
func (p *position) ended(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if now := time.Now(); now.Sub(p.checked) >= checkPath {
		p.checked = now
		return p.core.name.Check()
	}
	return nil
}

// noteShorter counts that the region file is about to become shorter, or has become so, for those
// who follow it, here and in other processes: they do not see the shorter length if elements are
// appended before they look. It is called before the shorter length is published and after it, and
// who follows reads the length first: so the count differs from that of every longer length.
func (c *core) noteShorter() error {
	err := c.file.CountShorter()
	if err == nil {
		c.shorter.Add(1)
	}
	return err
}
