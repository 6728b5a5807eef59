package verify

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// numbers has the size of each kind of number, and of the numbers in it: a complex one is two.
var numbers = map[string][2]uint64{
	"bool": {1, 1}, "int8": {1, 1}, "uint8": {1, 1}, "int16": {2, 2}, "uint16": {2, 2}, "int32": {4, 4}, "uint32": {4, 4}, "int64": {8, 8}, "uint64": {8, 8},
	"float32": {4, 4}, "float64": {8, 8}, "complex64": {8, 4}, "complex128": {16, 8},
	"atomic.Bool": {4, 4}, "atomic.Int32": {4, 4}, "atomic.Uint32": {4, 4}, "atomic.Int64": {8, 8}, "atomic.Uint64": {8, 8},
}

// leaf is one line of a field list.
type leaf struct {
	path         string
	offset, size uint64
	dims         [][2]uint64 // the arrays of structs that it is in: how many, how many bytes apart
}

// checkFields returns what is wrong in a field list: each line, and whether all of them together
// are every byte of an element, once.
func checkFields(text string, elemSize, alignment uint64) (wrong []string) {
	first, rest, whole := strings.Cut(text, "\n")
	if !whole || !strings.HasPrefix(first, "# ") {
		return []string{"its field list does not begin with the name of the type"}
	}
	var leaves []leaf
	greatest := uint64(1)
	for line := range strings.Lines(rest) {
		l, number, err := parseLeaf(line)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("the line %q of its field list: %v", strings.TrimSuffix(line, "\n"), err))
			continue
		}
		greatest = max(greatest, number)
		leaves = append(leaves, l)
	}
	if len(wrong) > 0 {
		return wrong
	}
	if len(leaves) == 0 {
		return []string{"its field list has no field"}
	}
	if greatest != alignment {
		wrong = append(wrong, fmt.Sprintf("its alignment is %d, the greatest number of its field list has %d bytes", alignment, greatest))
	}
	return append(wrong, coverage(leaves, elemSize)...)
}

// parseLeaf reads a line, and returns the size of the numbers in it for their alignment.
func parseLeaf(line string) (l leaf, number uint64, err error) {
	line, ended := strings.CutSuffix(line, "\n")
	parts := strings.Split(line, " ")
	if !ended || len(parts) != 4 || parts[0] == "" {
		return l, 0, fmt.Errorf("it is not path, kind, offset and size")
	}
	l.path = parts[0]
	if l.offset, err = strconv.ParseUint(parts[2], 10, 48); err != nil {
		return l, 0, fmt.Errorf("%q is no offset", parts[2])
	}
	if l.size, err = strconv.ParseUint(parts[3], 10, 48); err != nil || l.size == 0 {
		return l, 0, fmt.Errorf("%q is no size", parts[3])
	}
	kind, count := parts[1], uint64(1)
	if after, isArray := strings.CutPrefix(kind, "["); isArray {
		digits, scalar, _ := strings.Cut(after, "]")
		if count, err = strconv.ParseUint(digits, 10, 40); err != nil || count == 0 {
			return l, 0, fmt.Errorf("%q is no array", kind)
		}
		kind = scalar
	}
	scalar, ordered := kind, false
	if name, ok := strings.CutPrefix(kind, "le."); ok {
		scalar, ordered = name, true
	} else if name, ok := strings.CutPrefix(kind, "be."); ok {
		scalar, ordered = name, true
	}
	sizes, known := numbers[scalar]
	if !known || ordered && (sizes[0] == 1 || strings.HasPrefix(scalar, "atomic.") || strings.HasPrefix(scalar, "complex")) {
		return l, 0, fmt.Errorf("there is no kind %q", parts[1])
	}
	if sizes[0]*count != l.size {
		return l, 0, fmt.Errorf("a %s has %d bytes", parts[1], sizes[0]*count)
	}
	number = sizes[1]
	if ordered {
		number = 1
	}
	if l.offset%number != 0 {
		return l, 0, fmt.Errorf("its numbers are not aligned to %d bytes", number)
	}
	for rest := l.path; ; {
		_, after, found := strings.Cut(rest, "[")
		if !found {
			return l, number, nil
		}
		inside, tail, closed := strings.Cut(after, "]")
		n, apart, _ := strings.Cut(inside, ":")
		many, errMany := strconv.ParseUint(n, 10, 40)
		stride, errStride := strconv.ParseUint(apart, 10, 40)
		if !closed || errMany != nil || errStride != nil || many == 0 || stride == 0 {
			return l, 0, fmt.Errorf("%q is no array of structs", "["+inside+"]")
		}
		l.dims = append(l.dims, [2]uint64{many, stride})
		rest = tail
	}
}

// mostParts bounds the work that a field list can make.
const mostParts = 1 << 16

// coverage returns what is wrong with the fields of an element of so many bytes: there is no
// padding in a file, and each byte belongs to one field.
func coverage(leaves []leaf, size uint64) (wrong []string) {
	type part struct{ at, end uint64 }
	sum, parts := uint64(0), 0
	var all []part
	for _, l := range leaves {
		many := uint64(1)
		end := l.offset + l.size
		for _, d := range l.dims {
			hi, ok := product(many, d[0])
			far, okFar := product(d[0]-1, d[1])
			if !ok || !okFar || hi > 1<<48 || far > 1<<48 {
				return []string{fmt.Sprintf("its field %s lies outside its elements of %d bytes", l.path, size)}
			}
			many = hi
			end += far
		}
		if end > size {
			return []string{fmt.Sprintf("its field %s ends at byte %d of elements of %d bytes", l.path, end, size)}
		}
		bytes, ok := product(many, l.size)
		if !ok || bytes > size {
			return []string{fmt.Sprintf("its field %s has more bytes than an element, %d", l.path, size)}
		}
		sum += bytes
		if parts += int(min(many, mostParts)); parts > mostParts {
			continue
		}
		starts := []uint64{l.offset}
		for _, d := range l.dims {
			var next []uint64
			for _, at := range starts {
				for i := range d[0] {
					next = append(next, at+i*d[1])
				}
			}
			starts = next
		}
		for _, at := range starts {
			all = append(all, part{at, at + l.size})
		}
	}
	if sum != size {
		return []string{fmt.Sprintf("its fields have %d bytes, its elements %d", sum, size)}
	}
	if parts > mostParts { // the sum has to do
		return nil
	}
	slices.SortFunc(all, func(a, b part) int { return cmp.Compare(a.at, b.at) })
	at := uint64(0)
	for _, p := range all {
		if p.at != at {
			return []string{fmt.Sprintf("its fields do not follow one another at byte %d of an element", min(at, p.at))}
		}
		at = p.end
	}
	return nil
}
