package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/typedmem/typedmem/region"
)

// Types that are put together may be in a file: their numbers are aligned, and all bytes between
// them are fields.
func TestElementsOfColumns(t *testing.T) {
	for _, c := range []struct {
		columns [][2]string
		want    string // "" for a refusal
		offsets []int
	}{
		{[][2]string{{"value", "int16"}}, "int16", []int{0}},
		{[][2]string{{"value", "[3]float32"}}, "[3]float32", []int{0}},
		{[][2]string{{"a", "float64"}, {"b", "int8"}}, "struct { a float64; b int8; _ [7]uint8 }", []int{0, 8}},
		{[][2]string{{"A", "int8"}, {"Z", "complex64"}}, "struct { A int8; _ [3]uint8; Z complex64 }", []int{0, 4}},
		{[][2]string{{"A", "int8"}, {"Z", "complex128"}}, "struct { A int8; _ [7]uint8; Z complex128 }", []int{0, 8}},
		{[][2]string{{"A", "int8"}, {"B.C", "int8"}, {"B.D.E", "int32"}, {"B.F", "int8"}, {"G", "bool"}},
			"struct { A int8; _ [3]uint8; B struct { C int8; _ [3]uint8; D struct { E int32 }; F int8; _ [3]uint8 }; G region.Bool8; _ [3]uint8 }", []int{0, 4, 8, 12, 16}},
		{[][2]string{{"1 st", "int8"}, {"", "int8"}, {"é", "int8"}, {"L[2:8]", "[2]int8"}}, "struct { X1_st int8; X int8; é int8; L [2]int8 }", []int{0, 1, 2, 3}},
		{[][2]string{{"A", "int8"}, {"A", "int8"}}, "", nil},
		{[][2]string{{"A.B", "int8"}, {"C", "int8"}, {"A.D", "int8"}}, "", nil},
		{[][2]string{{"A", "int8"}, {"A.B", "int8"}}, "", nil},
		{nil, "", nil},
	} {
		var fields []field
		for _, one := range c.columns {
			f, err := newField(one[0], one[1])
			if err != nil {
				t.Fatal(err)
			}
			fields = append(fields, f)
		}
		got, err := elementOf(fields)
		if c.want == "" {
			if err == nil {
				t.Errorf("%v is %v", c.columns, got)
			}
			continue
		}
		if err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("%v is %v, %v, not %s", c.columns, got, err, c.want)
			continue
		}
		for i, at := range c.offsets {
			if fields[i].offset != at {
				t.Errorf("%v: %s lies at byte %d, not %d", c.columns, fields[i].path, fields[i].offset, at)
			}
		}
		path := filepath.Join(t.TempDir(), "a.tm")
		if n, err := region.WriteFile(path, got, 0, bytes.NewReader(make([]byte, 2*got.Size()))); n != 2 || err != nil {
			t.Errorf("%v: %d, %v", c.columns, n, err)
		}
	}
	if _, err := newField("x", "[0]int8"); err == nil {
		t.Error("an array of nothing is a kind")
	}
	if len(scalars) != 13 || scalars["bool"] != reflect.TypeFor[region.Bool8]() {
		t.Error(scalars)
	}
}
