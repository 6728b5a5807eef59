package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/inspect"
)

func TestInfo(t *testing.T) {
	inFiles(t)
	golden(t, "info", session(t, "info ticks.tm", "info rows.tm", "info empty.tm", "info orders.tm", "info names.tm",
		"info --format json rows.tm", "info --format csv ticks.tm", "info cut.tm", "info damaged.tm", "info foreign.tm", "info nothing.tm",
		"info missing.tm", "info folder", "info", "info a b", "info --nothing ticks.tm", "info -h"))
}

func TestCat(t *testing.T) {
	inFiles(t)
	golden(t, "cat", session(t, "cat ticks.tm", "cat rows.tm", "cat empty.tm", "cat orders.tm", "cat names.tm",
		"cat -head 2 ticks.tm", "cat -tail 2 -fields @index,ID ticks.tm", "cat -from 3 -to 5 -fields 'ID, Bid' ticks.tm",
		"cat -from -2 -fields 'Levels[1].Price,Levels,Bid.Flags[2]' ticks.tm", "cat -to -10 -fields _,Halted,Seq ticks.tm",
		"cat -format csv -head 2 ticks.tm", "cat -format json -head 2 ticks.tm", "cat -format csv names.tm", "cat -format json names.tm",
		"cat -fields @index,Qty orders.tm", "cat -tail 1 -fields @index,Qty orders.tm", "cat -tail 2 -fields @index,Qty orders.tm", "cat -tail 0 -fields Qty orders.tm", "cat -tail 9 -fields Qty orders.tm",
		"cat -head 1 -fields @index,Qty orders.tm", "cat -head 0 -format json rows.tm", "cat -from 2 -head 2 -fields value rows.tm", "cat -h"))
}

func TestWrongCats(t *testing.T) {
	inFiles(t)
	golden(t, "cat-wrong", session(t, "cat", "cat missing.tm", "cat cut.tm", "cat foreign.tm", "cat folder",
		"cat -fields Nothing ticks.tm", "cat -fields ID,, ticks.tm", "cat -fields Levels[2].Qty ticks.tm", "cat -fields @handle ticks.tm",
		"cat -from 13 ticks.tm", "cat -to 13 ticks.tm", "cat -from 5 -to 4 ticks.tm", "cat -from -13 ticks.tm", "cat -from x ticks.tm",
		"cat -head 1 -tail 1 ticks.tm", "cat -head -1 ticks.tm", "cat -format yaml ticks.tm"))
}

// A file that is cut off while it is read is an error after what was read.
func TestCatOfAFileThatIsCut(t *testing.T) {
	inFiles(t)
	f, err := inspect.Open("ticks.tm")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Truncate("ticks.tm", 65536+100); err != nil {
		t.Skip("a file that is open cannot be cut off: ", err)
	}
	var out strings.Builder
	o := catOptions{head: -1, tail: -1, ranges: ranges{toGiven: func() bool { return false }}}
	if err := o.print(t.Context(), &out, "json", f); err == nil || strings.Contains(out.String(), "]\n") {
		t.Errorf("%v after %q", err, out.String())
	}
}

func FuzzFieldSelection(f *testing.F) {
	dir := f.TempDir()
	makeFiles(f, dir)
	var open []*inspect.File
	for _, name := range []string{"ticks.tm", "rows.tm", "orders.tm", "names.tm"} {
		file, err := inspect.Open(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { file.Close() })
		open = append(open, file)
	}
	for _, s := range []string{"", "ID", "@index,@handle", "Bid.Price,Levels[1].Qty", "Levels", "Levels[2:16].Flags[3]", "value", ".", "_", "Bytes, Ref", "Bid.Flags[4]", ",", "[", "]", "Levels[0:0]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, selection string) {
		for _, file := range open {
			columns, err := columnsOf(file, selection)
			if err != nil {
				if columns != nil || err.Error() == "" {
					t.Errorf("%v with %v", err, columns)
				}
				continue
			}
			if len(columns) == 0 {
				t.Error("no column, and no error")
			}
			for e, err := range file.Elements(0, file.Len()) {
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range columns {
					if c.value(e) == nil {
						t.Errorf("%q of element %d is nothing", c.name, e.Index)
					}
				}
				break
			}
		}
	})
}
