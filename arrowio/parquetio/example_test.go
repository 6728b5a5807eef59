package parquetio_test

import (
	"bytes"
	"fmt"
	"log"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"

	"github.com/typedmem/typedmem/arrowio/parquetio"
	"github.com/typedmem/typedmem/region"
)

func Example() {
	type tick struct {
		ID    uint64
		Price float64
	}
	ticks, err := region.New[tick](0)
	if err != nil {
		log.Fatal(err)
	}
	defer ticks.Close()
	if err := ticks.Append(tick{1, 10.5}, tick{2, 11}); err != nil {
		log.Fatal(err)
	}
	var file bytes.Buffer // or an *os.File
	if err := parquetio.Write(&file, ticks.View(), parquet.WithCompression(compress.Codecs.Snappy)); err != nil {
		log.Fatal(err)
	}
	n, err := parquetio.Append(ticks, bytes.NewReader(file.Bytes()))
	fmt.Println(n, err, ticks.Slice())
	// Output: 2 <nil> [{1 10.5} {2 11} {1 10.5} {2 11}]
}
