package slab_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/slab"
)

// ordersOf returns a slab that holds the orders, and their handles.
func ordersOf(list ...order) (*slab.Slab[order], []slab.Handle[order]) {
	s, err := slab.New[order](100)
	if err != nil {
		log.Fatal(err)
	}
	var handles []slab.Handle[order]
	for _, o := range list {
		h, err := s.Insert(o)
		if err != nil {
			log.Fatal(err)
		}
		handles = append(handles, h)
	}
	return s, handles
}

// The capacity is fixed: an Insert into a full slab is refused.
func ExampleNew() {
	s, err := slab.New[order](1)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	_, first := s.Insert(order{ID: 1})
	_, second := s.Insert(order{ID: 2})
	fmt.Println(s.Cap(), s.Len(), first, errors.Is(second, slab.ErrFull))
	// Output: 1 1 <nil> true
}

// Map takes options: here huge pages, for faster lookups in a large slab.
func ExampleMap() {
	s, err := slab.Map[order](1000, options.New(0).WithFlags(flags.TransparentHugePages))
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	h, err := s.Insert(order{ID: 7})
	fmt.Println(s.Has(h), err)
	// Output: true <nil>
}

// With debug mode a write through an old pointer is found when the slot is used again.
func ExampleWith() {
	s, err := slab.With[order](1, slab.Config{Debug: true})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	h, err := s.Insert(order{ID: 7})
	if err != nil {
		log.Fatal(err)
	}
	stale, err := s.Ptr(h)
	if err != nil {
		log.Fatal(err)
	}
	err = s.Free(h)
	stale.Qty = 1 // a mistake
	_, found := s.Insert(order{ID: 8})
	var misuse *slab.MisuseError
	fmt.Println(err, errors.As(found, &misuse), misuse.Offset)
	// Output: <nil> true 8
}

// A reader sees what the writer does.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "orders.tm")
	writer, err := slab.Create[order](path, 100)
	if err != nil {
		log.Fatal(err)
	}
	defer writer.Close()
	h, err := writer.Insert(order{ID: 7})
	if err != nil {
		log.Fatal(err)
	}
	reader, err := slab.Open[order](path)
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Close()
	fmt.Println(reader.Load(h))
	_, err = reader.Insert(order{ID: 8})
	fmt.Println(errors.Is(err, typedmem.ErrProtection))
	// Output:
	// {7 0} <nil>
	// true
}

// Store replaces an object, Free ends it, and Has reports whether a handle is valid.
func ExampleSlab_Store() {
	s, h := ordersOf(order{ID: 7, Qty: 1})
	defer s.Close()
	fmt.Println(s.Store(h[0], order{ID: 7, Qty: 2}))
	fmt.Println(s.Load(h[0]))
	fmt.Println(s.Free(h[0]), s.Has(h[0]), errors.Is(s.Store(h[0], order{}), slab.ErrStale))
	// Output:
	// <nil>
	// {7 2} <nil>
	// <nil> false true
}

// All yields the addresses of all objects, for changes in place by one goroutine.
func ExampleSlab_All() {
	s, h := ordersOf(order{ID: 7, Qty: 1}, order{ID: 8, Qty: 2})
	defer s.Close()
	for _, o := range s.All() {
		o.Qty *= 10
	}
	fmt.Println(s.Load(h[0]))
	fmt.Println(s.Load(h[1]))
	// Output:
	// {7 10} <nil>
	// {8 20} <nil>
}

// Stats counts slots; reading it stops nobody.
func ExampleSlab_Stats() {
	s, h := ordersOf(order{ID: 7}, order{ID: 8})
	defer s.Close()
	err := s.Free(h[0])
	stats := s.Stats()
	fmt.Println(err, stats.Live, stats.Allocs, stats.Frees)
	// Output: <nil> 1 2 1
}

// Trim gives memory of free slots back to the system.
func ExampleSlab_Trim() {
	s, err := slab.New[order](100_000)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	var handles []slab.Handle[order]
	for range 100_000 {
		h, err := s.Insert(order{ID: 1})
		if err != nil {
			log.Fatal(err)
		}
		handles = append(handles, h)
	}
	for _, h := range handles {
		if err := s.Free(h); err != nil {
			log.Fatal(err)
		}
	}
	bytes, err := s.Trim()
	fmt.Println(bytes > 1_000_000, err)
	// Output: true <nil>
}

// Explain says what is at an address, here that of an object.
func ExampleSlab_Explain() {
	s, err := slab.With[order](100, slab.Config{Debug: true})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	h, err := s.Insert(order{ID: 7})
	if err != nil {
		log.Fatal(err)
	}
	o, err := s.Ptr(h)
	if err != nil {
		log.Fatal(err)
	}
	text, _, _ := strings.Cut(s.Explain(uintptr(unsafe.Pointer(&o.Qty))), " object")
	fmt.Println(text)
	// Output: byte 8 of
}
