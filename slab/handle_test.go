package slab_test

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// linked holds handles in every place that an encoding treats in its own way.
type linked struct {
	ID   int64
	Next slab.Handle[rec]
	Both [2]slab.Handle[rec]
}

type linkedMore struct {
	linked
	Pointer *slab.Handle[rec]
	List    []slab.Handle[rec]
	ByName  map[string]slab.Handle[rec]
}

func TestAHandleSurvivesEveryEncoding(t *testing.T) {
	s := newSlab[rec](t, 8)
	var hs []slab.Handle[rec]
	for i := range 4 {
		hs = append(hs, testkit.Must(s.Insert(rec{uint64(i), 1}))(t))
	}
	hs = append(hs, slab.Handle[rec]{}, slab.HandleFrom[rec](^uint64(0)), slab.HandleFrom[rec](1))
	for i, h := range hs {
		fixed := linked{int64(i), h, [2]slab.Handle[rec]{hs[0], h}}
		more := linkedMore{fixed, &h, []slab.Handle[rec]{h, hs[1]}, map[string]slab.Handle[rec]{"a": h}}
		same := func(how string, got linkedMore) {
			t.Helper()
			if fmt.Sprint(got.linked, *got.Pointer, got.List, got.ByName) != fmt.Sprint(more.linked, *more.Pointer, more.List, more.ByName) {
				t.Errorf("%s: %v became %v", how, more, got)
			}
		}

		var got linkedMore
		text := testkit.Must(json.Marshal(more))(t)
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		same("json", got)
		keys := map[slab.Handle[rec]]int{h: i, hs[1]: 7}
		var gotKeys map[slab.Handle[rec]]int
		if err := json.Unmarshal(testkit.Must(json.Marshal(keys))(t), &gotKeys); err != nil || fmt.Sprint(keys) != fmt.Sprint(gotKeys) {
			t.Errorf("json keys: %v became %v (%v)", keys, gotKeys, err)
		}

		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(struct{ M linkedMoreGob }{linkedMoreGob{fixed, &h, more.List, more.ByName}}); err != nil {
			t.Fatal(err)
		}
		var decoded struct{ M linkedMoreGob }
		if err := gob.NewDecoder(&b).Decode(&decoded); err != nil {
			t.Fatal(err)
		}
		if decoded.M.Pointer == nil && h.IsZero() { // gob leaves zero values out
			decoded.M.Pointer = new(slab.Handle[rec])
		}
		same("gob", linkedMore{decoded.M.Linked, decoded.M.Pointer, decoded.M.List, decoded.M.ByName})

		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			b.Reset()
			var back linked
			if err := errors.Join(binary.Write(&b, order, fixed), binary.Read(&b, order, &back)); err != nil || back != fixed {
				t.Errorf("binary %v: %v became %v (%v)", order, fixed, back, err)
			}
		}

		var x struct {
			A slab.Handle[rec] `xml:",attr"`
			E slab.Handle[rec]
		}
		y := x
		x.A, x.E = h, hs[0]
		type named = struct {
			XMLName xml.Name         `xml:"x"`
			A       slab.Handle[rec] `xml:",attr"`
			E       slab.Handle[rec]
		}
		if err := xml.Unmarshal(testkit.Must(xml.Marshal(named{A: x.A, E: x.E}))(t), &y); err != nil || x != y {
			t.Errorf("xml: %v became %v (%v)", x, y, err)
		}

		var f slab.Handle[rec]
		set := flag.NewFlagSet("", flag.ContinueOnError)
		set.SetOutput(io.Discard)
		set.TextVar(&f, "object", slab.Handle[rec]{}, "the object")
		if err := set.Parse([]string{"-object", h.String()}); err != nil || f != h {
			t.Errorf("flag: %v became %v (%v)", h, f, err)
		}
		if err := set.Parse([]string{"-object", "7"}); err == nil {
			t.Error("a flag that is no handle was taken")
		}
		var scanned slab.Handle[rec]
		if err := scanned.UnmarshalBinary(testkit.Must(h.MarshalBinary())(t)); err != nil || scanned != h {
			t.Errorf("binary form: %v became %v (%v)", h, scanned, err)
		}
		if back := slab.HandleFrom[rec](h.Uint64()); back != h || h.IsZero() != (h == slab.Handle[rec]{}) {
			t.Errorf("%v became %v", h, back)
		}
	}
}

// linkedMoreGob is linkedMore with exported fields only, as gob wants them.
type linkedMoreGob struct {
	Linked  linked
	Pointer *slab.Handle[rec]
	List    []slab.Handle[rec]
	ByName  map[string]slab.Handle[rec]
}

// The texts are in files of other programs: they never change.
func TestTheFormsOfAHandleAreStable(t *testing.T) {
	h := slab.HandleFrom[rec](0x1234567800abcdef)
	for _, c := range []struct{ format, want string }{
		{"%v", "1234567800abcdef"}, {"%s", "1234567800abcdef"}, {"%q", `"1234567800abcdef"`}, {"%+v", "1234567800abcdef"},
		{"%20v", "    1234567800abcdef"}, {"%-20s|", "1234567800abcdef    |"}, {"%d", "1311768464878980591"},
		{"%x", "1234567800abcdef"}, {"%X", "1234567800ABCDEF"}, {"%#x", "0x1234567800abcdef"}, {"%020x", "00001234567800abcdef"},
		{"%#v", "slab.HandleFrom[slab_test.rec](0x1234567800abcdef)"},
	} {
		if got := fmt.Sprintf(c.format, h); got != c.want {
			t.Errorf("%s prints %s, want %s", c.format, got, c.want)
		}
	}
	if text := string(testkit.Must(json.Marshal(h))(t)); text != `"1234567800abcdef"` {
		t.Errorf("json: %s", text)
	}
	if b := testkit.Must(h.MarshalBinary())(t); !bytes.Equal(b, []byte{0x12, 0x34, 0x56, 0x78, 0, 0xab, 0xcd, 0xef}) {
		t.Errorf("binary: %x", b)
	}
	if text := (slab.Handle[rec]{}).String(); text != "0000000000000000" {
		t.Errorf("the zero handle is %s", text)
	}
	if text := string(testkit.Must(json.Marshal(struct {
		H slab.Handle[rec] `json:",omitzero"`
	}{}))(t)); text != "{}" {
		t.Errorf("omitzero: %s", text)
	}
}

func TestTextsThatAreNoHandle(t *testing.T) {
	for _, text := range []string{
		"", "0", "0x34567800abcdef", "1234567800abcde", "1234567800abcdef0", "123456780 abcdef", "+234567800abcdef", "1234567800abcdeg",
		"-234567800abcdef", "１２３４56", string(make([]byte, 1<<20)),
	} {
		h := slab.HandleFrom[rec](5)
		err := h.UnmarshalText([]byte(text))
		if !errors.Is(err, strconv.ErrSyntax) || h.Uint64() != 5 {
			t.Errorf("%.20q became %v (%v)", text, h, err)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	}
	for _, n := range []int{0, 1, 7, 9, 16} {
		h := slab.HandleFrom[rec](5)
		if err := h.UnmarshalBinary(make([]byte, n)); !errors.Is(err, strconv.ErrSyntax) || h.Uint64() != 5 {
			t.Errorf("%d bytes became %v (%v)", n, h, err)
		}
	}
	var upper slab.Handle[rec]
	if err := upper.UnmarshalText([]byte("1234567800ABCDEF")); err != nil || upper.Uint64() != 0x1234567800abcdef {
		t.Errorf("upper case: %v (%v)", upper, err)
	}
}
