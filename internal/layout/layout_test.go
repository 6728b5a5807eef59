package layout

import (
	"reflect"
	"runtime"
	"strings"
	"structs"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/internal/testkit"
)

type bool8 uint8

type generic[T any] struct {
	Value T
	Index uint64
}

type nested struct {
	Head uint64
	Rows [3]struct {
		ID   uint32
		Flag [2]uint16
	}
	_ [8]byte
}

type handle[U any] struct {
	_ [0]*U
	U uint64
}

type recursive[U any] struct{ Next *recursive[U] }

const allowed = "" // no words of a refusal

// TestTypeRules is the table of which type may live in which memory. anonymous and file hold words
// of the refusal, separated by bars.
func TestTypeRules(t *testing.T) {
	for _, c := range []struct {
		name            string
		of              reflect.Type
		anonymous, file string
	}{
		{"uint8", reflect.TypeFor[uint8](), allowed, allowed},
		{"int64", reflect.TypeFor[int64](), allowed, allowed},
		{"float32", reflect.TypeFor[float32](), allowed, allowed},
		{"complex128", reflect.TypeFor[complex128](), allowed, allowed},
		{"array", reflect.TypeFor[[3][5]uint16](), allowed, allowed},
		{"named", reflect.TypeFor[time.Duration](), allowed, allowed},
		{"Bool8", reflect.TypeFor[bool8](), allowed, allowed},
		{"nested", reflect.TypeFor[nested](), allowed, allowed},
		{"generic", reflect.TypeFor[generic[generic[float64]]](), allowed, allowed},
		{"handle", reflect.TypeFor[handle[string]](), allowed, allowed},
		{"blank filler", reflect.TypeFor[struct {
			A uint32
			_ [4]byte
			B uint64
		}](), allowed, allowed},
		{"HostLayout first", reflect.TypeFor[struct {
			_ structs.HostLayout
			A uint64
		}](), allowed, allowed},
		{"complex64 at 4", reflect.TypeFor[struct {
			A uint32
			B complex64
		}](), allowed, allowed},
		{"atomics", reflect.TypeFor[struct {
			A    atomic.Uint64
			B    atomic.Int64
			C    atomic.Int32
			D    atomic.Uint32
			E, F atomic.Bool
		}](), allowed, allowed},

		{"pointer", reflect.TypeFor[*int](), "*int is a pointer, which the collector would not see: write|index", "pointer"},
		{"pointer in a field", reflect.TypeFor[struct{ P *int }](), "has a pointer at P, which the collector would not see", "pointer"},
		{"string alone", reflect.TypeFor[string](), "string holds a pointer that the collector would not see", "string"},
		{"strings", reflect.TypeFor[[2]string](), "[2]string has a string in each element, which holds a pointer", "string"},
		{"unsafe.Pointer", reflect.TypeFor[unsafe.Pointer](), "unsafe.Pointer", "unsafe.Pointer"},
		{"string", reflect.TypeFor[struct{ A, Name string }](), "string|at A|fixed-size array", "string|at A"},
		{"slice", reflect.TypeFor[struct{ In struct{ Data []byte } }](), "slice|at In.Data", "at In.Data"},
		{"map", reflect.TypeFor[map[int]int](), "map", "map"},
		{"chan", reflect.TypeFor[chan int](), "chan", "chan"},
		{"func", reflect.TypeFor[func()](), "func", "func"},
		{"interface", reflect.TypeFor[struct{ Any any }](), "interface|at Any", "interface"},
		{"unexported", reflect.TypeFor[struct{ hidden struct{ p *int } }](), "at hidden.p", "at hidden.p"},
		{"blank", reflect.TypeFor[struct{ _ *int }](), "at _", "at _"},
		{"in an array", reflect.TypeFor[struct{ A [2][3]struct{ S string } }](), "string at A", "string at A"},
		{"a copy of an atomic", reflect.TypeFor[copied64](), "layout.copied64 is a copy of a sync/atomic type: use atomic.Int64 itself", "copy"},
		{"copies of an atomic", reflect.TypeFor[struct{ N [3]copied32 }](), "a layout.copied32 at N[3:4], which is a copy of a sync/atomic type: use atomic.Uint32 or atomic.Bool itself", "copy"},
		{"through a type parameter", reflect.TypeFor[generic[recursive[int]]](), "at Value.Next", "at Value.Next"},
		{"time.Time", reflect.TypeFor[time.Time](), "at loc", "at loc"},
		{"sync.Mutex", reflect.TypeFor[struct{ mu sync.Mutex }](), "sync.Mutex|at mu|beside", "sync.Mutex"},
		{"sync.Once", reflect.TypeFor[[4]sync.Once](), "sync.Once", "sync.Once"},
		{"runtime", reflect.TypeFor[runtime.MemStats](), "runtime.MemStats", "runtime.MemStats"},
		{"atomic.Pointer", reflect.TypeFor[atomic.Pointer[int]](), "atomic.Pointer", "atomic.Pointer"},
		{"atomic.Value", reflect.TypeFor[struct{ V atomic.Value }](), "atomic.Value|at V", "atomic.Value"},
		{"nothing", reflect.TypeFor[struct{}](), "no size", "no size"},
		{"array of nothing", reflect.TypeFor[[5]struct{}](), "no size", "no size"},
		{"array without elements", reflect.TypeFor[[0]uint64](), "no size", "no size"},

		{"bool", reflect.TypeFor[struct{ In [2]struct{ On bool } }](), allowed, "bool|In|On|region.Bool8"},
		{"int", reflect.TypeFor[struct{ N int }](), allowed, "an int at N, which differs in size between platforms: write int64 or int32"},
		{"uint", reflect.TypeFor[uint](), allowed, "uint differs in size between platforms: write uint64 or uint32"},
		{"bool alone", reflect.TypeFor[bool](), allowed, "bool may be neither 0 nor 1 in a file: write region.Bool8"},
		{"uintptr", reflect.TypeFor[[2]uintptr](), allowed, "[2]uintptr has a uintptr in each element, which differs in size between platforms: write uint64"},
		{"atomic.Uintptr", reflect.TypeFor[struct{ N atomic.Uintptr }](), allowed, "atomic.Uintptr|at N|atomic.Uint64"},
		{"padding inside", reflect.TypeFor[struct {
			A uint8
			B uint32
		}](), allowed, "3 bytes of padding|after A|_ [3]byte"},
		{"padding at the end", reflect.TypeFor[struct {
			A uint32
			B uint8
		}](), allowed, "3 bytes of padding|after B|_ [3]byte"},
		{"padding in an element", reflect.TypeFor[struct {
			Rows [2]struct {
				A uint16
				B uint8
			}
		}](), allowed, "1 bytes of padding|Rows|B|_ [1]byte"},
		{"a trailing field without size", reflect.TypeFor[struct {
			A uint32
			_ struct{}
		}](), allowed, "4 bytes of padding|after A"},
		{"8 bytes at 4", reflect.TypeFor[struct {
			A uint32
			B float64
		}](), allowed, testkit.Cond(unsafe.Alignof(uint64(0)) == 8, "4 bytes of padding|after A", "float64|at B|byte 4|no multiple of 8")},
		{"12 bytes with 8-byte scalars", reflect.TypeFor[struct {
			A uint64
			B uint32
		}](), allowed, testkit.Cond(unsafe.Alignof(uint64(0)) == 8, "4 bytes of padding|after B", "12 bytes|_ [4]byte")},
		{"complex128 at 4", reflect.TypeFor[struct {
			A uint32
			B complex128
		}](), allowed, testkit.Cond(unsafe.Alignof(uint64(0)) == 8, "padding", "complex128|at B")},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := Of(c.of)
			if Of(c.of) != l {
				t.Error("the type is walked again")
			}
			refusal(t, "anonymous", l.Check(Anonymous), c.anonymous)
			refusal(t, "private file", l.Check(PrivateFile), c.file)
			if l.atomic64 != nil && localAtomics && c.file == allowed {
				refusal(t, "shared file", l.Check(SharedFile), "64-bit atomic|at A|"+runtime.GOARCH)
			} else {
				refusal(t, "shared file", l.Check(SharedFile), c.file)
			}
		})
	}
}

type (
	copied64 atomic.Int64
	copied32 atomic.Bool
)

func refusal(t *testing.T, memory string, err error, words string) {
	t.Helper()
	if (err != nil) != (words != "") {
		t.Fatalf("%s memory: %v, want %q", memory, err, words)
	}
	for word := range strings.SplitSeq(words, "|") {
		if err != nil && !strings.Contains(err.Error(), word) {
			t.Errorf("%s memory: %q does not say %q", memory, err, word)
		}
	}
}

func TestLeaves(t *testing.T) {
	got := Of(reflect.TypeFor[nested]()).Fields()
	want := `# layout.nested
Head uint64 0 8
Rows[3:8].ID uint32 8 4
Rows[3:8].Flag [2]uint16 12 4
_ [8]uint8 32 8
`
	if got != want {
		t.Errorf("the fields are\n%s, want\n%s", got, want)
	}
	if got := Of(reflect.TypeFor[float64]()).Fields(); got != "# float64\n. float64 0 8\n" {
		t.Errorf("the fields of a scalar are %q", got)
	}
	got = Of(reflect.TypeFor[struct {
		A uint8
		B endian.BE32[float32]
		C [2]endian.LE16[uint16]
		D [2][3]endian.LE64[int64]
		E [5]byte
	}]()).Fields()
	_, got, _ = strings.Cut(got, "\n")
	if want := "A uint8 0 1\nB be.float32 1 4\nC [2]le.uint16 5 4\nD[2:24] [3]le.int64 9 24\nE [5]uint8 57 5\n"; got != want {
		t.Errorf("the fields are\n%s, want\n%s", got, want)
	}
	l := Of(reflect.TypeFor[struct {
		A atomic.Int32
		B bool
		C [3]byte
	}]())
	if !l.Atomic || !l.Bool || l.Natural != 4 || l.Size != 8 {
		t.Errorf("%+v", l)
	}
}

// TestFingerprint: layouts that differ have different fingerprints; the names of types do not
// count.
func TestFingerprint(t *testing.T) {
	type renamed nested
	base := Of(reflect.TypeFor[nested]()).Fingerprint("little", 1)
	if Of(reflect.TypeFor[renamed]()).Fingerprint("little", 1) != base {
		t.Error("the name of the type counts")
	}
	seen := map[[16]byte]string{base: "nested"}
	for name, sum := range map[string][16]byte{
		"the order":   Of(reflect.TypeFor[nested]()).Fingerprint("big", 1),
		"the version": Of(reflect.TypeFor[nested]()).Fingerprint("little", 2),
		"a name":      Of(reflect.TypeFor[struct{ A, B uint32 }]()).Fingerprint("little", 1),
		"another":     Of(reflect.TypeFor[struct{ A, C uint32 }]()).Fingerprint("little", 1),
		"a kind":      Of(reflect.TypeFor[struct{ A, B int32 }]()).Fingerprint("little", 1),
		"a size":      Of(reflect.TypeFor[struct{ A, B uint16 }]()).Fingerprint("little", 1),
		"an order":    Of(reflect.TypeFor[struct{ B, A uint32 }]()).Fingerprint("little", 1),
		"an array":    Of(reflect.TypeFor[[2]uint32]()).Fingerprint("little", 1),
		"no array":    Of(reflect.TypeFor[uint64]()).Fingerprint("little", 1),
	} {
		if other, ok := seen[sum]; ok {
			t.Errorf("%s and %s have the same fingerprint", name, other)
		}
		seen[sum] = name
	}
}

func TestDiffNamesEachField(t *testing.T) {
	found := Of(reflect.TypeFor[struct {
		ID    uint64
		Price float32
		_     [4]byte
		Old   uint64
	}]()).Fields()
	asked := Of(reflect.TypeFor[struct {
		ID    uint64
		Price float64
		New   uint64
	}]()).Fields()
	got := Diff(found, asked)
	for _, want := range []string{"Price: the file has float32 at byte 8 (4 bytes), the type has float64", "Old: the file has uint64", "no such field",
		"New: the file has no such field, the type has uint64 at byte 16", "_ (at byte 12)"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\ndoes not say %q", got, want)
		}
	}
	if strings.Contains(got, "ID") || Diff(found, found) != "" {
		t.Errorf("what is the same is listed: %s", got)
	}
}
