package region_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"
	"time"

	"github.com/typedmem/typedmem"
)

// A request pins the region for as long as it uses it. Shutdown waits for the requests that have
// begun; those that come later are refused.
func ExampleRegion_Shutdown() {
	r := numbers(1, 2, 3)
	unpin, err := r.Pin()
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	fmt.Println(errors.Is(r.Shutdown(ctx), context.DeadlineExceeded), r.At(2)) // still in use

	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		fmt.Println(r.Shutdown(context.Background()), r.Len())
	}()
	unpin()
	done.Wait()
	_, err = r.Pin()
	fmt.Println(errors.Is(err, typedmem.ErrClosed))
	// Output:
	// true 3
	// <nil> 0
	// true
}
