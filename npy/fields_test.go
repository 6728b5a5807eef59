package npy_test

import (
	"reflect"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/npy"
)

// Fields names every value of an item, and no padding.
func TestFieldsOfItems(t *testing.T) {
	for _, c := range []struct {
		descr string
		size  int
		want  []npy.Field
	}{
		{">f8", 8, []npy.Field{{Descr: ">f8"}}},
		{"?", 1, []npy.Field{{Descr: "|b1"}}},
		{"<U4", 16, []npy.Field{{Descr: "<U4"}}},
		{"[]", 0, nil},
		{"('<i4', (2, 3))", 24, []npy.Field{{Descr: "<i4", Shape: []int{2, 3}}}},
		{"[('a.b', '|u1'), ('', '|V7'), (('title', 'c'), [('d', [('e', '>u4')])], ()), ('f', '<M8[ns]')]", 20, []npy.Field{
			{Path: []string{"a.b"}, Descr: "|u1"}, {Path: []string{"c", "d", "e"}, Offset: 8, Descr: ">u4"}, {Path: []string{"f"}, Offset: 12, Descr: "<M8[ns]"}}},
		{"[('a', '<f8', 3)]", 24, []npy.Field{{Path: []string{"a"}, Descr: "<f8", Shape: []int{3}}}},
		{"[('a', '<u2'), ('b', [('c', '<f4'), ('d', '<f4')], (5,))]", 42, []npy.Field{
			{Path: []string{"a"}, Descr: "<u2"}, {Path: []string{"b"}, Offset: 2, Descr: "[('c', '<f4'), ('d', '<f4')]", Shape: []int{5}}}},
	} {
		got, size, err := npy.Header{Descr: c.descr}.Fields()
		if err != nil || size != c.size || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %d bytes, %v", c.descr, got, size, err)
		}
	}
	for _, descr := range []string{"", "f9", "[('a')]", "[('a', '<f8']", "[('a', '<f8', (99999, 99999))]", "[('a', '<f8'), ('a', '<f8')]", "[('', '<f8')]"} {
		got, size, err := npy.Header{Descr: descr}.Fields()
		testkit.Wants(t, descr, err, typedmem.ErrCorrupt)
		if got != nil || size != 0 {
			t.Errorf("%s: %+v, %d bytes", descr, got, size)
		}
	}
	testenv.CheckZero(t, npy.Header{}, typedmem.ErrCorrupt)
}
