package sys

import (
	"errors"
	"os"
	"testing"

	"github.com/typedmem/typedmem/flags"
)

// The ioctl and the text say the same about every area of a range.
func TestQueryAndTextAgree(t *testing.T) {
	page := PageSize()
	f := newFile(t, make([]byte, 8*page))
	base, err := Reserve(0, 8*page, page, true)
	must(t, err)
	defer func() { must(t, Release(base, 8*page)) }()
	for i, r := range []Request{
		{File: f, Offset: int64(2 * page), Prot: flags.Read, Flags: flags.Shared},
		{File: f, Offset: int64(page), Prot: rw},
		{Prot: flags.Read | flags.Execute},
		{Prot: rw, Flags: flags.Shared},
	} {
		r.Addr, r.Len, r.Replace, r.Reserved = base+uintptr((2*i+1)*page), page, true, page
		_, err := Map(r)
		must(t, err)
	}
	must(t, os.Remove(f.Name()))
	maps, err := os.Open("/proc/self/maps")
	must(t, err)
	defer maps.Close()
	list := func(read func(*os.File, uintptr, uintptr, func(Area) bool) error) (all []Area, err error) {
		err = read(maps, base, base+uintptr(8*page), func(a Area) bool {
			all = append(all, a)
			return true
		})
		return all, err
	}
	text, err := list(readAreas)
	must(t, err)
	query, err := list(queryAreas)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the kernel has no PROCMAP_QUERY")
	}
	must(t, err)
	if len(text) != 8 || len(query) != 8 {
		t.Fatalf("%d areas by text and %d by ioctl, not 8", len(text), len(query))
	}
	for i := range text {
		if text[i] != query[i] {
			t.Errorf("area %d: by text %+v, by ioctl %+v", i, text[i], query[i])
		}
	}
}
