package slab_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/slab"
)

// cutOffSlab makes a slab file of 100 objects as a copy leaves it that was broken off in its slots.
func cutOffSlab() (path string, first slab.Handle[int64], remove func()) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	path = filepath.Join(dir, "numbers.tm")
	s, err := slab.Create[int64](path, 100)
	if err != nil {
		log.Fatal(err)
	}
	for i := range int64(100) {
		h, err := s.Insert(i)
		if err != nil {
			log.Fatal(err)
		}
		if i == 0 {
			first = h
		}
	}
	if err := s.Close(); err != nil {
		log.Fatal(err)
	}
	const slots = 128 << 10 // where they begin, with this capacity; see FORMAT.md
	if err := os.Truncate(path, slots+30*8); err != nil {
		log.Fatal(err)
	}
	return path, first, func() { os.RemoveAll(dir) }
}

// The handles of the objects that are left are valid in the new file.
func ExampleSalvage() {
	path, first, remove := cutOffSlab()
	defer remove()
	saved, lost, err := slab.Salvage[int64](path, path+".new")
	fmt.Println(saved, lost, err)

	s, err := slab.Open[int64](path + ".new")
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	fmt.Println(s.Load(first))
	// Output:
	// 30 70 <nil>
	// 0 <nil>
}

// A tool that does not know the type of the objects saves what is left too.
func ExampleSalvageFile() {
	path, _, remove := cutOffSlab()
	defer remove()
	fmt.Println(slab.SalvageFile(path, path+".new"))
	// Output: 30 70 <nil>
}
