package region_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/typedmem/typedmem/region"
)

// One goroutine appends, another one sees each element once. It sees all that was appended before
// the context ended.
func ExampleRegion_Follow() {
	r, err := region.New[int64](0)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		for i := range int64(1000) {
			if err := r.Append(i); err != nil {
				log.Fatal(err)
			}
		}
	}()
	count, sum := 0, int64(0)
	for batch, err := range r.Follow(ctx) {
		if errors.Is(err, context.Canceled) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		for x := range batch.Values() {
			count, sum = count+1, sum+x
		}
	}
	fmt.Println(count, sum)
	// Output: 1000 499500
}
