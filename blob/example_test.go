package blob_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/region"
)

// record is an element of a region that has a string.
type record struct {
	Symbol blob.Ref
	Price  float64
}

// Records in one file have their strings in another one.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	symbols, err := blob.Create(filepath.Join(dir, "symbols.tm"))
	if err != nil {
		log.Fatal(err)
	}
	defer symbols.Close()
	table, err := blob.NewTable(symbols) // each symbol is stored once
	if err != nil {
		log.Fatal(err)
	}
	records, err := region.Create[record](filepath.Join(dir, "records.tm"), 0)
	if err != nil {
		log.Fatal(err)
	}
	defer records.Close()
	for i, text := range []string{"IBM", "MSFT", "IBM"} {
		ref, err := table.InternString(text)
		if err != nil {
			log.Fatal(err)
		}
		if err := records.Append(record{ref, float64(i)}); err != nil {
			log.Fatal(err)
		}
	}
	if err := symbols.SyncBefore(records.Sync); err != nil {
		log.Fatal(err)
	}
	for _, r := range records.All() {
		text, err := symbols.Text(r.Symbol)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(text, r.Price)
	}
	fmt.Println(table.Len(), "symbols")
	// Output:
	// IBM 0
	// MSFT 1
	// IBM 2
	// 2 symbols
}

func exampleStore() *blob.Store {
	s, err := blob.New()
	if err != nil {
		log.Fatal(err)
	}
	return s
}

func ExampleStore_Append() {
	s := exampleStore()
	defer s.Close()
	r, err := s.Append([]byte("some bytes"))
	if err != nil {
		log.Fatal(err)
	}
	none, _ := s.Append(nil)
	fmt.Println(s.Equal(r, "some bytes"), none == 0, s)
	// Output: true true blob.Store(40 bytes)
}

func ExampleStore_View() {
	s := exampleStore()
	defer s.Close()
	r, err := s.AppendString("hello")
	if err != nil {
		log.Fatal(err)
	}
	v, err := s.View(r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.Len(), string(v.At(1)))
	_, err = s.View(r + 1)
	fmt.Println(errors.Is(err, blob.ErrNoBlob))
	// Output:
	// 5 e
	// true
}

// A lookup in a map by the bytes of a blob allocates nothing.
func ExampleStore_AppendTo() {
	s := exampleStore()
	defer s.Close()
	prices := map[string]float64{"IBM": 120}
	r, err := s.AppendString("IBM")
	if err != nil {
		log.Fatal(err)
	}
	var buf [64]byte
	b, err := s.AppendTo(buf[:0], r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(prices[string(b)])
	// Output: 120
}

func ExampleStore_Text() {
	s := exampleStore()
	defer s.Close()
	r, err := s.AppendString("a copy that outlives the store")
	if err != nil {
		log.Fatal(err)
	}
	text, err := s.Text(r)
	fmt.Println(text, err)
	// Output: a copy that outlives the store <nil>
}

func ExampleStore_Equal() {
	s := exampleStore()
	defer s.Close()
	r, err := s.AppendString("IBM")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Equal(r, "IBM"), s.Equal(r, "MSFT"), s.Equal(0, ""))
	// Output: true false true
}

func ExampleStore_All() {
	s := exampleStore()
	defer s.Close()
	for _, text := range []string{"one", "two", "three"} {
		if _, err := s.AppendString(text); err != nil {
			log.Fatal(err)
		}
	}
	for r, v := range s.All() {
		text, _ := s.Text(r)
		fmt.Println(text, v.Len())
	}
	fmt.Println(s.Check())
	// Output:
	// one 3
	// two 3
	// three 5
	// <nil>
}

// A reader learns of what the writer has appended, here in the same process.
func ExampleStore_Refresh() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "strings.tm")
	s, err := blob.OpenFile(path, blob.FileOptions{Write: true, Create: true})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	reader, err := blob.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer reader.Close()
	r, err := s.AppendString("news")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reader.Equal(r, "news"))
	fmt.Println(reader.Refresh(), reader.Equal(r, "news"))
	// Output:
	// false
	// <nil> true
}

func ExampleTable_Lookup() {
	s := exampleStore()
	defer s.Close()
	table, err := blob.NewTable(s)
	if err != nil {
		log.Fatal(err)
	}
	r, err := table.InternString("IBM")
	if err != nil {
		log.Fatal(err)
	}
	got, ok := table.Lookup([]byte("IBM"))
	fmt.Println(got == r, ok)
	_, ok = table.Lookup([]byte("MSFT"))
	fmt.Println(ok)
	// Output:
	// true true
	// false
}
