package region_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/region"
)

// A snapshot is a file of its own, beside a region that goes on growing.
func ExampleRegion_Snapshot() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	r, err := region.Create[int64](filepath.Join(dir, "numbers.tm"), 0)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	if err := r.Append(1, 2, 3); err != nil {
		log.Fatal(err)
	}
	backup := filepath.Join(dir, "backup.tm")
	if err := r.Snapshot(backup); err != nil {
		log.Fatal(err)
	}
	if err := r.Append(4); err != nil {
		log.Fatal(err)
	}

	saved, err := region.Open[int64](backup)
	if err != nil {
		log.Fatal(err)
	}
	defer saved.Close()
	fmt.Println(saved.Slice(), r.Len())
	// Output: [1 2 3] 4
}
