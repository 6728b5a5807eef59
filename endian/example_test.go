package endian_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// The header of a pcap file that a big-endian machine wrote.
func Example() {
	type pcapHeader struct {
		Magic        endian.BE32[uint32]
		Major, Minor endian.BE16[uint16]
		Zone         endian.BE32[int32]
		Accuracy     endian.BE32[uint32]
		Longest      endian.BE32[uint32]
		Link         endian.BE32[uint32]
	}
	file, remove := write([]byte("\xa1\xb2\xc3\xd4\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x00\x01"))
	defer remove()

	headers, err := region.Map[pcapHeader](options.For[pcapHeader](1).WithFile(file, 0))
	if err != nil {
		log.Fatal(err)
	}
	defer headers.Close()
	h := headers.At(0)
	fmt.Printf("%#x, version %d.%d, packets of up to %d bytes\n", h.Magic, h.Major, h.Minor, h.Longest)
	// Output: 0xa1b2c3d4, version 2.4, packets of up to 65535 bytes
}

// Numbers of a big-endian .npy file. Its data begins at an offset that is no multiple of 8: numbers
// of alignment 1 may lie anywhere.
func Example_oddOffset() {
	const header = "a header of 25 bytes ...."
	file, remove := write([]byte(header + "\x3f\xf8\x00\x00\x00\x00\x00\x00" + "\xc0\x04\x00\x00\x00\x00\x00\x00"))
	defer remove()

	data, err := region.Map[endian.BE64[float64]](options.New(16).WithFile(file, int64(len(header))))
	if err != nil {
		log.Fatal(err)
	}
	defer data.Close()
	for i, x := range data.All() {
		fmt.Println(i, x.Get())
	}
	// Output:
	// 0 1.5
	// 1 -2.5
}

func ExampleLE32_Set() {
	var x endian.LE32[float32]
	x.Set(0.5)
	y := x
	y.Set(2 * x.Get())
	fmt.Println(x, y)
	// Output: 0.5 1
}

func ExampleBE16Of() {
	fmt.Println(endian.BE16Of[uint16](1) == endian.BE16Of[uint16](256), endian.BE16Of[int16](-7))
	// Output: false -7
}

// write makes a file of these bytes. remove closes and removes it.
func write(b []byte) (file *os.File, remove func()) {
	dir, err := os.MkdirTemp("", "endian")
	if err != nil {
		log.Fatal(err)
	}
	path := filepath.Join(dir, "data")
	if err := os.WriteFile(path, b, 0o666); err != nil {
		log.Fatal(err)
	}
	if file, err = os.Open(path); err != nil {
		log.Fatal(err)
	}
	return file, func() {
		file.Close()
		os.RemoveAll(dir)
	}
}
