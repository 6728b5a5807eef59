package slab_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/slab"
)

// A snapshot is a file of its own, in which the handles of the slab are valid. Here it saves a slab
// in memory.
func ExampleSlab_Snapshot() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	numbers, err := slab.New[int64](1000)
	if err != nil {
		log.Fatal(err)
	}
	defer numbers.Close()
	h, err := numbers.Insert(1)
	if err != nil {
		log.Fatal(err)
	}
	backup := filepath.Join(dir, "backup.tm")
	if err := numbers.Snapshot(backup); err != nil {
		log.Fatal(err)
	}
	if err := numbers.Store(h, 2); err != nil {
		log.Fatal(err)
	}

	saved, err := slab.Open[int64](backup)
	if err != nil {
		log.Fatal(err)
	}
	defer saved.Close()
	then, err := saved.Load(h)
	if err != nil {
		log.Fatal(err)
	}
	now, err := numbers.Load(h)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(then, now)
	// Output: 1 2
}
