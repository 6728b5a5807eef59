package order_test

import (
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem/internal/order"
	"github.com/typedmem/typedmem/region"
)

// Who sees a published count sees what was written before it. The memory is mapped: the race
// detector does not look at it.
func TestPublishComesAfterWhatWasWritten(t *testing.T) {
	const rounds = 1 << 20
	r, err := region.New[uint64](rounds + 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	words := r.Slice()
	count, values := &words[0], words[1:]
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range values {
			values[i] = ^uint64(i)
			order.Publish(count, uint64(i+1))
		}
	}()
	seen := uint64(0)
	for seen < rounds {
		n := atomic.LoadUint64(count)
		if n < seen {
			t.Fatalf("the count went from %d back to %d", seen, n)
		}
		if n > 0 && values[n-1] != ^(n-1) {
			t.Fatalf("the count is %d, and value %d is still %#x", n, n-1, values[n-1])
		}
		seen = n
	}
	<-done
}
