package endian

import (
	"encoding/json"
	"fmt"
)

// Number16 are the numbers of 16 bits.
type Number16 interface{ ~int16 | ~uint16 }

// Number32 are the numbers of 32 bits.
type Number32 interface{ ~int32 | ~uint32 | ~float32 }

// Number64 are the numbers of 64 bits.
type Number64 interface{ ~int64 | ~uint64 | ~float64 }

func format[T any](f fmt.State, verb rune, x T) { fmt.Fprintf(f, fmt.FormatString(f, verb), x) }

func marshal[T any](x T) ([]byte, error) { return json.Marshal(x) }

// unmarshal hands the number in text to set. As with other values, null changes nothing.
func unmarshal[T any](text []byte, set func(T)) error {
	if string(text) == "null" {
		return nil
	}
	var x T
	if err := json.Unmarshal(text, &x); err != nil {
		return err
	}
	set(x)
	return nil
}
