package inspect_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/inspect"
	"github.com/typedmem/typedmem/region"
)

type quote struct {
	Time  int64
	Bid   [2]float32
	Count uint32
	Flags uint32
}

// quotes makes a file that the examples look into.
func quotes(dir string) string {
	path := filepath.Join(dir, "quotes.tm")
	r, err := region.Create[quote](path, 0)
	if err != nil {
		log.Fatal(err)
	}
	for i := range int64(3) {
		if err := r.Append(quote{Time: 1000 + i, Bid: [2]float32{1.5, float32(i)}, Count: 7}); err != nil {
			log.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		log.Fatal(err)
	}
	return path
}

func Example() {
	dir, err := os.MkdirTemp("", "inspect")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f, err := inspect.Open(quotes(dir))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for _, c := range f.Columns() {
		fmt.Println(c.Path, c.Kind)
	}
	for i, row := range f.All() {
		fmt.Println(i, row)
	}
	// Output:
	// Time int64
	// Bid [2]float32
	// Count uint32
	// Flags uint32
	// 0 [1000 [1.5 0] 7 0]
	// 1 [1001 [1.5 1] 7 0]
	// 2 [1002 [1.5 2] 7 0]
}

func ExampleStat() {
	dir, err := os.MkdirTemp("", "inspect")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	info, err := inspect.Stat(quotes(dir))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Kind, "of", info.Type, "with", info.Len, "elements of", info.ElementSize, "bytes")
	fmt.Println(info.Fields[1])
	// Output:
	// region of inspect_test.quote with 3 elements of 24 bytes
	// {Bid [2]float32 8 8}
}

func ExampleFile_Value() {
	dir, err := os.MkdirTemp("", "inspect")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f, err := inspect.Open(quotes(dir))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	x, err := f.Value(2, "Bid[1]")
	fmt.Printf("%T %v %v\n", x, x, err)
	_, err = f.Column("Ask")
	fmt.Println(err != nil)
	// Output:
	// float32 2 <nil>
	// true
}

// Text for a part of a file, without an allocation for each value.
func ExampleFile_Elements() {
	dir, err := os.MkdirTemp("", "inspect")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	f, err := inspect.Open(quotes(dir))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	time, err := f.Column("Time")
	if err != nil {
		log.Fatal(err)
	}
	bid, err := f.Column("Bid")
	if err != nil {
		log.Fatal(err)
	}
	var line []byte
	for e, err := range f.Elements(1, f.Len()) {
		if err != nil {
			log.Fatal(err)
		}
		line = time.AppendText(line[:0], e)
		line = bid.AppendText(append(line, ' '), e)
		fmt.Printf("%d: %s\n", e.Index, line)
	}
	// Output:
	// 1: 1001 [1.5 1]
	// 2: 1002 [1.5 2]
}

// What the writer appends while the file is open.
func ExampleFile_Refresh() {
	dir, err := os.MkdirTemp("", "inspect")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := quotes(dir)
	f, err := inspect.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	r, err := region.OpenMut[quote](path)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	if err := r.Append(quote{Time: 2000}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Len())
	n, err := f.Refresh()
	fmt.Println(n, err)
	x, err := f.Value(3, "Time")
	fmt.Println(x, err)
	// Output:
	// 3
	// 4 <nil>
	// 2000 <nil>
}
