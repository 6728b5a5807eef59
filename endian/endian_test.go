package endian_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/internal/race"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// number is what all types of the package have.
type number[T any] interface {
	Get() T
	fmt.Formatter
	json.Marshaler
}

// check compares E with encoding/binary: bytes is a new E, seen as bytes.
func check[T comparable, E number[T]](t *testing.T, order binary.ByteOrder, of func(T) E, set func(*E, T), values ...T) {
	t.Helper()
	for _, x := range values {
		e := of(x)
		if e.Get() != x {
			t.Errorf("%T: Get returns %v, want %v", e, e.Get(), x)
		}
		if unsafe.Alignof(e) != 1 || unsafe.Sizeof(e) != unsafe.Sizeof(x) {
			t.Errorf("%T: %d bytes aligned to %d", e, unsafe.Sizeof(e), unsafe.Alignof(e))
		}
		want, err := binary.Append(nil, order, x)
		if err != nil {
			t.Fatal(err)
		}
		if got := unsafe.Slice((*byte)(unsafe.Pointer(&e)), unsafe.Sizeof(e)); string(got) != string(want) {
			t.Errorf("%T: %v has the bytes %v, want %v", e, x, got, want)
		}
		var other E
		set(&other, x)
		if any(other) != any(e) {
			t.Errorf("%T: Set leaves %v, want %v", e, other, e)
		}
		for _, verb := range []string{"%v", "%+8v", "%08.3f", "%x", "%d", "%s"} {
			if got, want := fmt.Sprintf(verb, e), fmt.Sprintf(verb, x); got != want {
				t.Errorf("%T: %s prints %q, want %q", e, verb, got, want)
			}
		}
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back E
		if err := json.Unmarshal(text, &back); err != nil || back.Get() != x {
			t.Errorf("%T: %s is read as %v, %v", e, text, back, err)
		}
	}
}

type price float32

func TestNumbers(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	i16, u16 := []int16{0, 1, -2, math.MinInt16}, []uint16{0, 1, 0x0102, math.MaxUint16}
	i32, u32, f32 := []int32{0, 1, -2, math.MinInt32}, []uint32{0, 0x01020304, math.MaxUint32}, []float32{0, 1.5, -math.MaxFloat32}
	i64, u64, f64 := []int64{0, 1, -2, math.MinInt64}, []uint64{0, 0x0102030405060708, math.MaxUint64}, []float64{0, 1.5, -math.MaxFloat64}
	check(t, le, endian.LE16Of[int16], (*endian.LE16[int16]).Set, i16...)
	check(t, le, endian.LE16Of[uint16], (*endian.LE16[uint16]).Set, u16...)
	check(t, le, endian.LE32Of[int32], (*endian.LE32[int32]).Set, i32...)
	check(t, le, endian.LE32Of[uint32], (*endian.LE32[uint32]).Set, u32...)
	check(t, le, endian.LE32Of[float32], (*endian.LE32[float32]).Set, f32...)
	check(t, le, endian.LE64Of[int64], (*endian.LE64[int64]).Set, i64...)
	check(t, le, endian.LE64Of[uint64], (*endian.LE64[uint64]).Set, u64...)
	check(t, le, endian.LE64Of[float64], (*endian.LE64[float64]).Set, f64...)
	check(t, be, endian.BE16Of[int16], (*endian.BE16[int16]).Set, i16...)
	check(t, be, endian.BE16Of[uint16], (*endian.BE16[uint16]).Set, u16...)
	check(t, be, endian.BE32Of[int32], (*endian.BE32[int32]).Set, i32...)
	check(t, be, endian.BE32Of[uint32], (*endian.BE32[uint32]).Set, u32...)
	check(t, be, endian.BE32Of[float32], (*endian.BE32[float32]).Set, f32...)
	check(t, be, endian.BE64Of[int64], (*endian.BE64[int64]).Set, i64...)
	check(t, be, endian.BE64Of[uint64], (*endian.BE64[uint64]).Set, u64...)
	check(t, be, endian.BE64Of[float64], (*endian.BE64[float64]).Set, f64...)
	check(t, be, endian.BE32Of[price], (*endian.BE32[price]).Set, 1.25)
}

func TestJSONThatDoesNotFit(t *testing.T) {
	for text, want := range map[string]uint16{"65536": 7, `"5"`: 7, "1.5": 7, "null": 7, "300": 300} {
		e := endian.BE16Of[uint16](7)
		if err := json.Unmarshal([]byte(text), &e); (err == nil) != (text == "null" || text == "300") {
			t.Errorf("%s: %v", text, err)
		}
		if e.Get() != want {
			t.Errorf("%s: %v, want %d", text, e, want)
		}
	}
}

// A NaN keeps its bits.
func TestBitsOfNaN(t *testing.T) {
	const bits = 0x7ff8000000abcdef
	if e := endian.BE64Of(math.Float64frombits(bits)); math.Float64bits(e.Get()) != bits {
		t.Errorf("%x", math.Float64bits(e.Get()))
	}
}

type record struct {
	Kind  uint8
	Size  endian.BE32[uint32] // at byte 1
	Price endian.LE64[float64]
	Flags [3]endian.BE16[int16]
}

// The byte order is part of a file's layout, and the types may lie at any byte.
func TestFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.tm")
	r, err := region.Create[record](path, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := record{Kind: 1, Size: endian.BE32Of[uint32](2), Price: endian.LE64Of(3.5)}
	x.Flags[2].Set(-4)
	if err := errors.Join(r.Append(x), r.Close()); err != nil {
		t.Fatal(err)
	}
	if r, err = region.Open[record](path); err != nil {
		t.Fatal(err)
	}
	if r.At(0) != x {
		t.Errorf("the file has %v, want %v", r.At(0), x)
	}
	sizes, err := region.Field[endian.BE32[uint32]](r.View(), unsafe.Offsetof(x.Size))
	if err != nil {
		t.Fatal(err)
	}
	if got := sizes.At(0).Get(); got != 2 {
		t.Errorf("the column has %d", got)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	type little struct {
		Kind  uint8
		Size  endian.LE32[uint32]
		Price endian.LE64[float64]
		Flags [3]endian.BE16[int16]
	}
	type signed struct {
		Kind  uint8
		Size  endian.BE32[int32]
		Price endian.LE64[float64]
		Flags [3]endian.BE16[int16]
	}
	type bytes struct {
		Kind  uint8
		Size  [4]uint8
		Price endian.LE64[float64]
		Flags [3]endian.BE16[int16]
	}
	refuses[little](t, path, "Size: the file has be.uint32 at byte 1 (4 bytes), the type has le.uint32")
	refuses[signed](t, path, "Size: the file has be.uint32 at byte 1 (4 bytes), the type has be.int32")
	refuses[bytes](t, path, "Size: the file has be.uint32 at byte 1 (4 bytes), the type has [4]uint8")
}

func refuses[T any](t *testing.T, path, want string) {
	t.Helper()
	r, err := region.Open[T](path)
	if err == nil {
		err = r.Close()
		t.Errorf("%T: opened (%v)", *new(T), err)
		return
	}
	if !errors.Is(err, typedmem.ErrLayout) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestSlab(t *testing.T) {
	s, err := slab.New[record](4)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	h, err := s.Insert(record{Size: endian.BE32Of[uint32](8)})
	if err != nil {
		t.Fatal(err)
	}
	if x, err := s.Load(h); err != nil || x.Size.Get() != 8 {
		t.Errorf("%v, %v", x, err)
	}
}

func TestNothingAllocates(t *testing.T) {
	r, err := region.New[record](8)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var sum float64
	if n := testing.AllocsPerRun(100, func() {
		x := r.At(3)
		x.Price.Set(x.Price.Get() + 1)
		r.Set(3, x)
		sum += x.Price.Get()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if sum == 0 {
		t.Error("nothing was read")
	}
}

// What is not inlined costs several times a load.
func TestGetAndSetAreInlined(t *testing.T) {
	if race.Enabled {
		t.Skip("the compiler is asked once, without the race detector")
	}
	out, err := exec.Command(testenv.GoTool(t), "build", "-gcflags=-m=2", "-o", os.DevNull, "./testdata/inline").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, call := range []string{"LE16[go.shape.uint16]", "BE32[go.shape.float32]", "BE64[go.shape.int64]"} {
		for _, want := range []string{call + ".Get", "(*" + call + ").Set"} {
			if !strings.Contains(string(out), "inlining call to endian."+want+"\n") {
				t.Errorf("no inlining call to endian.%s", want)
			}
		}
	}
}
