package layout_test

import (
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/internal/layout"
)

type (
	side struct {
		Price float64
		Qty   uint32
		_     uint32
	}
	Stamp struct {
		Time   uint64
		Source uint32
		_      uint32
	}
	// Also has a name of Stamp, so that it is ambiguous without one of the two.
	Also struct {
		Source uint64
		Twice  uint64
	}
	quote struct {
		Stamp
		Also
		Bid, Ask side
		Levels   [4]side
		Grid     [2][3]uint16
		_        uint32
		Hits     atomic.Uint64
		endian.BE32[uint32]
		secret uint32
		Twice  int64 // hides that of Also
	}
)

func TestPathsNameFieldsAsGoDoes(t *testing.T) {
	var q quote
	typ := reflect.TypeFor[quote]()
	base := reflect.ValueOf(&q).Pointer()
	for path, p := range map[string]any{
		"Time": &q.Time, "Stamp": &q.Stamp, "Stamp.Time": &q.Stamp.Time, "Stamp.Source": &q.Stamp.Source, "Also.Source": &q.Also.Source,
		"Bid": &q.Bid, "Ask.Qty": &q.Ask.Qty, "Levels": &q.Levels, "Levels[0]": &q.Levels[0], "Levels[3].Qty": &q.Levels[3].Qty,
		"Grid[1]": &q.Grid[1], "Grid[1][2]": &q.Grid[1][2], "Hits": &q.Hits, "BE32": &q.BE32, "secret": &q.secret,
		"Twice": &q.Twice, "Also.Twice": &q.Also.Twice,
	} {
		v := reflect.ValueOf(p)
		f, offset, err := layout.Find(typ, path)
		if err != nil || f != v.Type().Elem() || offset != v.Pointer()-base {
			t.Errorf("%s is %v at %d, %v; want %v at %d", path, f, offset, err, v.Type().Elem(), v.Pointer()-base)
		}
	}
	if f, offset, err := layout.Find(reflect.TypeFor[[3]side](), "[2].Qty"); err != nil || f.Kind() != reflect.Uint32 || offset != 40 {
		t.Errorf("%v at %d, %v", f, offset, err)
	}
}

func TestPathsThatNameNothingSayWhatThereIs(t *testing.T) {
	for path, says := range map[string]string{
		"":                                   `layout_test.quote has no field ""; it has Stamp layout_test.Stamp, Time uint64, `,
		"Prise":                              `quote has no field "Prise"`,
		"Source":                             `quote has no field "Source"`,
		"_":                                  `quote has no field "_"`,
		"Bid.Prise":                          `path "Bid.Prise": layout_test.side has no field "Prise"; it has Price float64, Qty uint32`,
		"Bid.":                               `side has no field ""`,
		".Bid":                               `quote has no field ""`,
		"Bid..Price":                         `side has no field ""`,
		"Bid.Price.X":                        `float64 has no field "X"; it has none`,
		"Bid[0]":                             `there is no [0] of layout_test.side, which is no array; it has Price float64, Qty uint32`,
		"[0]":                                `there is no [0] of layout_test.quote, which is no array; it has Stamp`,
		"Levels[4]":                          `there is no [4] of [4]layout_test.side; it has [0] to [3], each layout_test.side`,
		"Levels[18446744073709551616]":       `it has [0] to [3]`,
		"Levels[9223372036854775807]":        `it has [0] to [3]`,
		"Levels.Qty":                         `[4]layout_test.side has no field "Qty"; it has [0] to [3]`,
		"Levels[-1]":                         `"[-1]" is no index`,
		"Levels[+1]":                         `"[+1]" is no index`,
		"Levels[01]":                         `"[01]" is no index`,
		"Levels[]":                           `"[]" is no index`,
		"Levels[1":                           `"[1" is no index`,
		"Levels[1]Qty":                       `write a dot before "Qty"`,
		"Levels[1].Qty]":                     `side has no field "Qty]"`,
		"Hits.v":                             `atomic.Uint64 has no field "v"; it has none`,
		"BE32.b":                             `it has none`,
		"b":                                  `quote has no field "b"`,
		"Time ":                              `quote has no field "Time "`,
		"time":                               `quote has no field "time"`,
		strings.Repeat("Bid.", 1000) + "Qty": `side has no field "Bid"`,
	} {
		f, _, err := layout.Find(reflect.TypeFor[quote](), path)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is %v, %v; want %q", path, f, err, says)
		}
	}
	has := layout.Has(reflect.TypeFor[quote]())
	for _, hidden := range []string{"Source", "_", "b "} {
		if strings.Contains(has, ", "+hidden) {
			t.Errorf("%s in: %s", hidden, has)
		}
	}
	if !strings.HasSuffix(has, "BE32 endian.BE32[uint32], secret uint32, Twice int64") {
		t.Error(has)
	}
	type next struct {
		*quote
		N uint64
	}
	if f, _, err := layout.Find(reflect.TypeFor[next](), "Time"); err == nil {
		t.Errorf("a field behind a pointer is %v", f)
	}
}
