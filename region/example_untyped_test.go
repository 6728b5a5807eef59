package region_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/typedmem/typedmem/region"
)

// A tool writes and saves files of types that it was not compiled with.
func ExampleWriteFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "names.tm")
	names := reflect.ArrayOf(4, reflect.TypeFor[byte]())
	n, err := region.WriteFile(path, names, 0, strings.NewReader("onesevesix "))
	fmt.Println(n, err != nil)
	n, err = region.WriteFile(path, names, 0, strings.NewReader("one two six "))
	if err != nil {
		log.Fatal(err)
	}

	r, err := region.Open[[4]byte](path)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	last := r.At(n - 1)
	fmt.Printf("%d %q\n", n, last[:])
	// Output:
	// 0 true
	// 3 "six "
}

func ExampleSnapshotFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path, backup := filepath.Join(dir, "numbers.tm"), filepath.Join(dir, "backup.tm")
	r, err := region.Create[int64](path, 0)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	if err := r.Append(1, 2, 3); err != nil {
		log.Fatal(err)
	}
	if err := region.SnapshotFile(path, backup); err != nil { // of any region file
		log.Fatal(err)
	}

	saved, err := region.Open[int64](backup)
	if err != nil {
		log.Fatal(err)
	}
	defer saved.Close()
	fmt.Println(saved.Slice())
	// Output: [1 2 3]
}

func ExampleSalvageFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "numbers.tm")
	r, err := region.Create[int64](path, 1000)
	if err != nil {
		log.Fatal(err)
	}
	if err := r.Close(); err != nil {
		log.Fatal(err)
	}
	if err := os.Truncate(path, 65536+100); err != nil { // as a copy that was broken off
		log.Fatal(err)
	}
	saved, lost, err := region.SalvageFile(path, filepath.Join(dir, "left.tm"))
	fmt.Println(saved, lost, err)
	// Output: 12 988 <nil>
}
