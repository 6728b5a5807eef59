package npy_test

import (
	"bytes"
	"fmt"
	"log"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/inspect"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/npy"
	"github.com/typedmem/typedmem/region"
)

// sameHeader writes elements of T as a region file and as a .npy file. The header that HeaderOf
// makes of the region file has to be that of the .npy file, for which the Go type is known.
func sameHeader[T any](t *testing.T, width int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "r")
	r := testkit.Must(region.OpenFile[T](path, region.FileOptions{Write: true, Create: true, Len: 12, Width: width}))(t)
	defer r.Close()
	shape := []int{12}
	if width > 1 {
		shape = []int{12 / width, width}
	}
	testkit.Must(npy.Create[T](path+".npy", shape...))(t).Close()
	want := testkit.Must(npy.ReadHeader(bytes.NewReader(testkit.Must(os.ReadFile(path + ".npy"))(t))))(t)
	h, err := npy.HeaderOf(testkit.Must(inspect.Stat(path))(t))
	testkit.Check(t, err)
	h.Offset = want.Offset
	if !reflect.DeepEqual(h, want) {
		t.Errorf("%v:\n%+v, want\n%+v", reflect.TypeFor[T](), h, want)
	}
}

func TestHeaderOfKnowsWhatTheTypeKnows(t *testing.T) {
	type inner struct {
		A uint16
		B [3]uint16
	}
	type deep struct {
		ID   uint64
		One  inner
		Many [2][3]inner
		Grid [2][4]float32
		_    [4]uint8
		_    [2]uint16
		_    struct{ X, Y [2]int32 }
		_    [2]struct{ X, Y int32 }
		N    atomic.Int32
		On   atomic.Bool
		Last [1]inner
	}
	sameHeader[float64](t, 0)
	sameHeader[uint8](t, 3)
	sameHeader[[3]float32](t, 2)
	sameHeader[[2][3]int16](t, 0)
	sameHeader[[2][3]inner](t, 0)
	sameHeader[inner](t, 4)
	sameHeader[packed](t, 0)
	sameHeader[point](t, 0)
	sameHeader[deep](t, 0)
	if h, err := npy.HeaderOf(inspect.Info{Kind: "region", ByteOrder: "big", ElementSize: 8, Len: 5, Fields: []inspect.Field{{Path: ".", Kind: "float64", Size: 8}}}); err != nil || h.Descr != ">f8" {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestHeaderOfRefusesWhatHasNoDtype(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	testkit.Check(t, testkit.Must(blob.Create(path))(t).Close())
	_, err := npy.HeaderOf(testkit.Must(inspect.Stat(path))(t))
	testkit.Wants(t, "blobs", err, typedmem.ErrLayout, "header of", "blobs")
	for name, fields := range map[string][]inspect.Field{
		"none":            nil,
		"a hole":          {{Path: "A", Kind: "uint8", Size: 1}, {Path: "B", Kind: "uint8", Offset: 2, Size: 1}},
		"an overlap":      {{Path: "A", Kind: "uint64", Size: 8}, {Path: "B", Kind: "uint8", Offset: 2, Size: 1}},
		"mixed arrays":    {{Path: "A[2:4].X", Kind: "uint16", Size: 2}, {Path: "A[2:3].Y", Kind: "uint8", Offset: 2, Size: 1}},
		"no end":          {{Path: "A", Kind: "uint8", Size: 1}},
		"an unknown kind": {{Path: "A", Kind: "string", Size: 8}},
		"a large one":     {{Path: "A", Kind: "[9223372036854775807]uint8", Size: math.MaxInt}},
	} {
		if h, err := npy.HeaderOf(inspect.Info{Kind: "region", ByteOrder: "little", ElementSize: 8, Fields: fields}); err == nil {
			t.Errorf("%s: %+v", name, h)
		} else {
			testkit.Wants(t, name, err, typedmem.ErrLayout)
		}
	}
}

// The header of a file whose Go type this program does not know.
func ExampleHeaderOf() {
	path, remove := temporary("colors.tm")
	defer remove()
	colors, err := region.Create[[4]uint8](path, 3)
	if err != nil {
		log.Fatal(err)
	}
	defer colors.Close()
	info, err := inspect.Stat(path)
	if err != nil {
		log.Fatal(err)
	}
	h, err := npy.HeaderOf(info)
	fmt.Println(h.Descr, h.Shape, err)
	// Output:
	// |u1 [3 4] <nil>
}
