package slab_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

func TestSnapshotOfAFileOfUnknownType(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tm")
	s, err := slab.Create[[3]uint32](path, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var handles []slab.Handle[[3]uint32]
	for i := range uint32(20) {
		h, err := s.Insert([3]uint32{i, i, i})
		if err != nil {
			t.Fatal(err)
		}
		handles = append(handles, h)
	}
	for _, h := range handles[:10] {
		if err := s.Free(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := slab.SnapshotFile(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	saved, err := slab.Open[[3]uint32](path + "2")
	if err != nil {
		t.Fatal(err)
	}
	defer saved.Close()
	for i, h := range handles {
		x, err := saved.Load(h)
		if i < 10 && !errors.Is(err, slab.ErrStale) || i >= 10 && (err != nil || x[1] != uint32(i)) {
			t.Errorf("object %d is %v, %v", i, x, err)
		}
	}
	if err := slab.SnapshotFile(path, path+"2"); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
}

func TestSnapshotOfAFileOfAnotherKind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tm")
	r, err := region.Create[uint32](path, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := slab.SnapshotFile(path, path+"2"); !errors.Is(err, typedmem.ErrLayout) {
		t.Error(err)
	}
	if err := slab.SnapshotFile(path+"3", path+"2"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func ExampleSnapshotFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path, backup := filepath.Join(dir, "numbers.tm"), filepath.Join(dir, "backup.tm")
	numbers, err := slab.Create[int64](path, 1000)
	if err != nil {
		log.Fatal(err)
	}
	defer numbers.Close()
	h, err := numbers.Insert(7)
	if err != nil {
		log.Fatal(err)
	}
	if err := slab.SnapshotFile(path, backup); err != nil { // of any slab file
		log.Fatal(err)
	}

	saved, err := slab.Open[int64](backup)
	if err != nil {
		log.Fatal(err)
	}
	defer saved.Close()
	fmt.Println(saved.Load(h))
	// Output: 7 <nil>
}
