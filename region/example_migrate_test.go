package region_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/region"
)

type tickV1 struct {
	Time  int64
	Price float64
}

type tickV2 struct {
	Time  int64
	Price float64
	Size  uint64
}

// ticks makes a file of the old type in a folder of its own.
func ticks(n int) (path string, remove func()) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	path = filepath.Join(dir, "ticks.tm")
	r, err := region.Create[tickV1](path, n)
	if err != nil {
		log.Fatal(err)
	}
	for i := range n {
		r.Set(i, tickV1{int64(i), 10})
	}
	if err := r.Close(); err != nil {
		log.Fatal(err)
	}
	return path, func() { os.RemoveAll(dir) }
}

func ExampleMigrate() {
	path, remove := ticks(3)
	defer remove()
	if err := region.Migrate[tickV2, tickV1](path, nil); err != nil { // at each start
		log.Fatal(err)
	}
	r, err := region.OpenMut[tickV2](path)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	fmt.Println(r.Len(), r.At(2))
	// Output: 3 {2 10 0}
}

func ExampleMigrateSteps() {
	path, remove := ticks(100_000)
	defer remove()
	for p, err := range region.MigrateSteps(path, func(t tickV1) tickV2 { return tickV2{t.Time, t.Price, 1} }) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%d%% ", 100*p.Done/p.Len)
	}
	// Output: 43% 87% 100%
}

func ExampleSalvage() {
	path, remove := ticks(100)
	defer remove()
	if err := os.Truncate(path, 64<<10+1000); err != nil { // by another program
		log.Fatal(err)
	}
	saved, lost, err := region.Salvage[tickV1](path, path+"-saved")
	fmt.Println(saved, lost, err)
	// Output: 62 38 <nil>
}
