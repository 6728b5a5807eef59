package main

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/typedmem/typedmem/endian"
	"github.com/typedmem/typedmem/inspect"
	"github.com/typedmem/typedmem/region"
)

// arrowType returns a type whose values lie as the elements of a file, or as its rows, so that
// package arrowio makes columns of it. Only the fields that pass keep have names. Numbers are those
// of package endian: they have the byte order of the file, and no alignment moves them.
func arrowType(info inspect.Info, keep func(path string) bool) (reflect.Type, error) {
	b := typeBuilder{big: info.ByteOrder == "big"}
	var leaves []leaf
	for _, f := range info.Fields {
		leaves = append(leaves, leaf{f, strings.TrimPrefix(f.Path, "."), keep(f.Path)})
	}
	t, err := b.part(leaves, 0, info.ElementSize)
	if err == nil && info.Width > 1 {
		t = reflect.ArrayOf(info.Width, t)
	}
	return t, err
}

// typeBuilder makes a type of a field list, which has no structs but paths through them.
type typeBuilder struct{ big bool }

// leaf is a field with what is left of its path.
type leaf struct {
	inspect.Field
	path string
	kept bool
}

// name returns the name that the path begins with.
func (l leaf) name() string {
	if i := strings.IndexAny(l.path, ".["); i >= 0 {
		return l.path[:i]
	}
	return l.path
}

// part returns the type of what lies from byte at to end of an element. All leaves are in it: their
// paths begin with its arrays of structs.
func (b typeBuilder) part(leaves []leaf, at, end int) (t reflect.Type, err error) {
	type dim struct{ n, stride int }
	var dims []dim
	for strings.HasPrefix(leaves[0].path, "[") {
		inside, _, _ := strings.Cut(leaves[0].path[1:], "]")
		n, stride, _ := strings.Cut(inside, ":")
		var d dim
		if d.n, err = strconv.Atoi(n); err == nil {
			d.stride, err = strconv.Atoi(stride)
		}
		if err != nil || d.n < 1 || d.stride < 1 || d.n > (end-at)/d.stride {
			return nil, fmt.Errorf("%q is no path of a field", leaves[0].Path)
		}
		for i := range leaves {
			rest, ok := strings.CutPrefix(leaves[i].path, "["+inside+"]")
			if !ok {
				return nil, fmt.Errorf("%q and %q are no fields of one struct", leaves[0].Path, leaves[i].Path)
			}
			leaves[i].path = rest
		}
		dims, end = append(dims, d), at+d.stride
	}
	for i := range leaves {
		leaves[i].path = strings.TrimPrefix(leaves[i].path, ".")
	}
	if leaves[0].path == "" && len(leaves) == 1 {
		t, err = b.scalar(leaves[0].Kind)
	} else {
		t, err = b.structure(leaves, at, end)
	}
	if err != nil {
		return nil, err
	}
	for i := len(dims) - 1; i >= 0; i-- {
		if int(t.Size()) != dims[i].stride {
			return nil, fmt.Errorf("%q lies %d bytes apart and has %d", leaves[0].Path, dims[i].stride, t.Size())
		}
		t = reflect.ArrayOf(dims[i].n, t)
	}
	return t, nil
}

// structure returns a struct of the leaves, which follow one another. Those that are not kept are
// blank fields of it.
func (b typeBuilder) structure(leaves []leaf, at, end int) (reflect.Type, error) {
	var all []reflect.StructField
	seen := map[string]bool{}
	for len(leaves) > 0 {
		name := leaves[0].name()
		n, kept := 1, leaves[0].kept
		for n < len(leaves) && leaves[n].name() == name && leaves[n].path != name {
			kept = kept || leaves[n].kept
			n++
		}
		to := end
		if n < len(leaves) {
			to = leaves[n].Offset
		}
		if leaves[0].Offset != at || to <= at || to > end {
			return nil, fmt.Errorf("bytes of no field before %q", leaves[0].Path)
		}
		f := reflect.StructField{Name: "_", PkgPath: "main", Type: reflect.ArrayOf(to-at, reflect.TypeFor[byte]())}
		if kept && name != "_" {
			if !isName(name) || seen[name] {
				return nil, fmt.Errorf("%q is no name of a field, or of two", leaves[0].Path)
			}
			seen[name] = true
			part := slices.Clone(leaves[:n])
			for i := range part {
				part[i].path = part[i].path[len(name):]
			}
			t, err := b.part(part, at, to)
			if err != nil {
				return nil, err
			}
			if int(t.Size()) != to-at {
				return nil, fmt.Errorf("%q takes %d bytes of %d", leaves[0].Path, t.Size(), to-at)
			}
			f = reflect.StructField{Name: name, Type: t}
			if !unicode.IsUpper([]rune(name)[0]) {
				f.PkgPath = "main"
			}
		}
		all = append(all, f)
		at, leaves = to, leaves[n:]
	}
	return reflect.StructOf(all), nil
}

// isName reports whether a field of a struct may have the name.
func isName(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}

// scalar returns the type of a number, or of an array of numbers.
func (b typeBuilder) scalar(kind string) (reflect.Type, error) {
	one, count := kind, 0
	if rest, ok := strings.CutPrefix(kind, "["); ok {
		n, after, _ := strings.Cut(rest, "]")
		var err error
		if count, err = strconv.Atoi(n); err != nil || count < 1 {
			return nil, fmt.Errorf("%q is no kind of field", kind)
		}
		one = after
	}
	name, big := strings.TrimPrefix(one, "atomic."), b.big
	if rest, ok := strings.CutPrefix(name, "be."); ok {
		name, big = rest, true
	} else if rest, ok := strings.CutPrefix(name, "le."); ok {
		name, big = rest, false
	}
	if one == "atomic.Bool" {
		name = "uint32"
	}
	types, ok := ordered[strings.ToLower(name)]
	if !ok {
		return nil, fmt.Errorf("%q is no kind of field that Arrow has", kind)
	}
	t := types[0]
	if big {
		t = types[1]
	}
	if count > 0 {
		t = reflect.ArrayOf(count, t)
	}
	return t, nil
}

// ordered has the types of the numbers in a file, little-endian and big-endian.
var ordered = map[string][2]reflect.Type{
	"bool": same[region.Bool8](), "int8": same[int8](), "uint8": same[uint8](),
	"int16": both[endian.LE16[int16], endian.BE16[int16]](), "uint16": both[endian.LE16[uint16], endian.BE16[uint16]](),
	"int32": both[endian.LE32[int32], endian.BE32[int32]](), "uint32": both[endian.LE32[uint32], endian.BE32[uint32]](),
	"int64": both[endian.LE64[int64], endian.BE64[int64]](), "uint64": both[endian.LE64[uint64], endian.BE64[uint64]](),
	"float32": both[endian.LE32[float32], endian.BE32[float32]](), "float64": both[endian.LE64[float64], endian.BE64[float64]](),
	"complex64":  both[[2]endian.LE32[float32], [2]endian.BE32[float32]](),
	"complex128": both[[2]endian.LE64[float64], [2]endian.BE64[float64]](),
}

func same[T any]() [2]reflect.Type { return both[T, T]() }

func both[L, B any]() [2]reflect.Type {
	return [2]reflect.Type{reflect.TypeFor[L](), reflect.TypeFor[B]()}
}
