package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
)

// someAreas yields areas of each sort.
func someAreas(yield func(typedmem.Area, error) bool) {
	for _, a := range []typedmem.Area{
		{Start: 0x10000, End: 0x20000, Protection: flags.Read, Share: typedmem.Shared, Path: "/data/ticks.tm", Offset: 65536},
		{Start: 0x20000, End: 0x21000, Protection: flags.Read | flags.Write, Path: "/data/a, \"b\".tm", Deleted: true},
		{Start: 0x400000, End: 0x500000, Protection: flags.Read | flags.Write, Label: "[heap]"},
		{Start: 0x7000000, End: 0x7000000 + 3<<29, Label: ""},
	} {
		if !yield(a, nil) {
			return
		}
	}
}

func TestAreasInEachFormat(t *testing.T) {
	var all strings.Builder
	for _, f := range formats {
		for _, files := range []bool{false, true} {
			fmt.Fprintf(&all, "format %s, only files %t:\n", f, files)
			if err := listAreas(format(f).to(&all, areaColumns(format(f))), format(f), someAreas, files); err != nil {
				t.Error(err)
			}
		}
	}
	golden(t, "areas", all.String())
}

func TestAreasThatCannotBeListed(t *testing.T) {
	broken := errors.New("broken")
	var areas iter.Seq2[typedmem.Area, error] = func(yield func(typedmem.Area, error) bool) { yield(typedmem.Area{}, broken) }
	var out strings.Builder
	if err := listAreas(format("table").to(&out, areaColumns("table")), "table", areas, false); err != broken || out.Len() > 0 {
		t.Errorf("%v, after %q", err, out.String())
	}
}

func TestAreasOfThisProcess(t *testing.T) {
	m, err := options.New(1 << 20).Map()
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	a, ok, err := typedmem.AreaAt(typedmem.Self, m.Addr())
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("the memory areas of a process cannot be listed on this system: ", err)
	}
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	var out, wrong bytes.Buffer
	if status := run(context.Background(), []string{"areas", fmt.Sprint(os.Getpid())}, nil, &out, &wrong); status != 0 || wrong.Len() > 0 {
		t.Fatalf("exit status %d: %s", status, wrong.String())
	}
	if line := fmt.Sprintf("%#x ", a.Start); !strings.Contains(out.String(), line) {
		t.Errorf("no line begins with %s:\n%s", line, out.String())
	}
}

func TestProcessesThatAreNot(t *testing.T) {
	golden(t, "areas-wrong", session(t, "areas x", "areas 0", "areas -- -1", "areas 99999999999999999999"))
}
