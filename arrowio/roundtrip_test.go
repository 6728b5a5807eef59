package arrowio_test

import (
	"bytes"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"

	"github.com/typedmem/typedmem/arrowio"
	"github.com/typedmem/typedmem/arrowio/internal/roundtrip"
)

// TestMain makes blocks small, so that few elements fill many.
func TestMain(m *testing.M) {
	*arrowio.BlockBytes = 3000
	m.Run()
}

func TestEveryTypeGoesThereAndBack(t *testing.T) { roundtrip.Types(t, nil) }

// Arrow's own stream format takes the batches, which show memory or not, and so does every Flight
// client.
func TestEveryTypeGoesThroughAStream(t *testing.T) {
	roundtrip.Types(t, func(t testing.TB, records array.RecordReader) array.RecordReader {
		var stream bytes.Buffer
		w := ipc.NewWriter(&stream, ipc.WithSchema(records.Schema()))
		for records.Next() {
			check(t, w.Write(records.RecordBatch()))
		}
		check(t, records.Err())
		check(t, w.Close())
		records.Release()
		back, err := ipc.NewReader(&stream)
		check(t, err)
		return back
	})
}
