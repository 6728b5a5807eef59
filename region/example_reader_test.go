package region_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/typedmem/typedmem/region"
)

// text is a region of the bytes of a text.
func text(s string) *region.Region[byte] {
	r, err := region.New[byte](len(s))
	if err != nil {
		log.Fatal(err)
	}
	r.View().CopyFrom([]byte(s))
	return r
}

func ExampleNewReader() {
	r := text("first line\nsecond line\n")
	defer r.Close()
	lines := bufio.NewScanner(region.NewReader(r.View()))
	for lines.Scan() {
		fmt.Println(lines.Text())
	}
	fmt.Println(lines.Err())
	// Output:
	// first line
	// second line
	// <nil>
}

// The bytes of prices go to a file of another program.
func ExampleReader_WriteTo() {
	r, remove := prices()
	defer remove()
	f, err := os.CreateTemp("", "raw")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	n, err := io.Copy(f, region.NewReader(r.View().Bytes()))
	fmt.Println(n, err)
	// Output: 800000 <nil>
}

func ExampleReader_ReadAt() {
	r := text("key=value")
	defer r.Close()
	value := io.NewSectionReader(region.NewReader(r.View()), 4, 5)
	b, err := io.ReadAll(value)
	fmt.Println(string(b), err)
	// Output: value <nil>
}
