package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/npy"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// tool runs a command line that has to succeed, and returns what it prints.
func tool(t *testing.T, line string) string {
	t.Helper()
	var out, wrong bytes.Buffer
	if status := run(context.Background(), words(line), nil, &out, &wrong); status != 0 {
		t.Fatalf("typedmem %s: exit status %d: %s", line, status, wrong.String())
	}
	return out.String()
}

func TestExport(t *testing.T) {
	inFiles(t)
	screen := session(t, "export ticks.tm ticks.csv", "export --from 3 --to 5 --fields ID,Bid ticks.tm part.csv", "export orders.tm orders.csv",
		"export names.tm names.json", "export rows.tm rows.npy", "export --from 4 --to 8 rows.tm part.npy", "export ticks.tm ticks.npy",
		"export orders.tm orders.npy", "export empty.tm empty.npy", "export --as csv rows.tm rows.txt")
	for _, name := range []string{"ticks.csv", "part.csv", "orders.csv", "names.json", "rows.txt"} {
		screen += name + ":\n" + sameEverywhere(read(t, name)) + "\n"
	}
	for _, name := range []string{"rows.npy", "part.npy", "ticks.npy", "orders.npy", "empty.npy"} {
		head, _, _ := strings.Cut(read(t, name), "\n")
		screen += fmt.Sprintf("%s: %d bytes, %q\n", name, len(read(t, name)), strings.TrimRight(head, " "))
	}
	golden(t, "export", screen)
}

func TestWrongExports(t *testing.T) {
	inFiles(t)
	write(t, "there.csv", "x")
	golden(t, "export-wrong", session(t, "export", "export ticks.tm", "export ticks.tm new.xls", "export ticks.tm new", "export --as xls ticks.tm new.csv",
		"export ticks.tm there.csv", "export missing.tm new.csv", "export cut.tm new.csv", "export foreign.tm new.npy", "export --fields ID ticks.tm new.npy",
		"export --fields No ticks.tm new.csv", "export names.tm new.npy", "export --from 1 rows.tm new.npy", "export --to 99 ticks.tm new.npy",
		"export ticks.tm no/new.csv", "export -h"))
	if read(t, "there.csv") != "x" {
		t.Error("a file that was there has changed")
	}
	if left, _ := os.ReadDir("."); strings.Contains(fmt.Sprint(left), "new") {
		t.Error("an export that failed has left a file: ", left)
	}
}

func TestImport(t *testing.T) {
	inFiles(t)
	write(t, "a.csv", "\ufeffid,Bid.Price,Bid.Qty,ok,last one,path[3],name\n-1,0.5,1,true,18446744073709551615,[1 2.5],x\n2,NaN,7,false,3,[-1 1e9],\"y\nz\"\n")
	write(t, "values.csv", "value\n1.5\n2\n")
	tool(t, "export ticks.tm ticks.csv")
	tool(t, "export rows.tm rows.npy")
	tool(t, "export ticks.tm ticks.npy")
	write(t, "nested.npy", npyFile("{'descr': [('a', '|i1'), ('', '|V3'), ('b', [('c', '<u2', (2,)), ('d', [('e', '|b1')])]), ('f', '<f8')], 'fortran_order': False, 'shape': (2,), }", 34))
	tool(t, "export --fields ID,Bid.Flags ticks.tm few.csv")
	golden(t, "import", session(t, "import --fields 'id,Bid.Price,Bid.Qty,ok,last one,path[3]' a.csv a.tm", "info a.tm", "cat a.tm",
		"import --fields id,ok --types 'id int8' a.csv small.tm", "cat small.tm", "import --types 'value float32' values.csv values.tm", "info values.tm",
		"import ticks.csv ticks2.tm", "cat --head 1 ticks2.tm", "import --types 'Bid.Flags [4]uint8, ID uint16' few.csv few.tm", "info few.tm",
		"import rows.npy rows2.tm", "info rows2.tm", "check a.tm small.tm values.tm ticks2.tm few.tm rows2.tm", "import ticks.npy no.tm", "import nested.npy nested.tm",
		"info --format csv nested.tm", "cat nested.tm"))
	if a, b := tool(t, "cat rows.tm"), tool(t, "cat rows2.tm"); a != b {
		t.Errorf("%s\nand\n%s", a, b)
	}
}

func TestWrongImports(t *testing.T) {
	inFiles(t)
	write(t, "a.csv", "id,name\n1,x\n2,y\n")
	write(t, "b.csv", "id\n1\n2.5\nx\n")
	write(t, "c.csv", "id,b\n1,2\n3\n")
	write(t, "d.csv", "id,b\n1,[1 2]\n2,[1]\n")
	write(t, "e.csv", "id,id\n1,2\n")
	write(t, "f.csv", "id\n300\n")
	write(t, "g.csv", "id\n\"1\n")
	write(t, "h.csv", "id\n9007199254740993\n0.5\n")
	write(t, "i.csv", "id\n-1\n18446744073709551615\n")
	write(t, "empty.csv", "")
	write(t, "bad.npy", "\x93NUMPY")
	write(t, "fortran.npy", npyFile("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2), }", 32))
	write(t, "object.npy", npyFile("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 16))
	write(t, "text.npy", npyFile("{'descr': '<U4', 'fortran_order': False, 'shape': (2,), }", 32))
	write(t, "short.npy", npyFile("{'descr': '<f8', 'fortran_order': False, 'shape': (9,), }", 64))
	write(t, "huge.npy", npyFile("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904,), }", 64))
	write(t, "wide.npy", npyFile("{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 2), }", 64))
	write(t, "padding.npy", npyFile("{'descr': [('', '|V2000000000')], 'fortran_order': False, 'shape': (1,), }", 64))
	for _, descr := range []string{"[('a', '<f8', (0,))]", "[('a', [('b', '<f8')], (2,))]", "[('a', '|V4')]", "[('a', '<f8', (99999, 99999))]", "<f2", "<m8[ns]", "nonsense"} {
		if items, _, err := itemsOf(npy.Header{Descr: descr}); err == nil {
			t.Errorf("%s has %v", descr, items)
		}
	}
	golden(t, "import-wrong", session(t, "import", "import a.csv", "import a.xls new.tm", "import --as xls a.csv new.tm", "import a.csv new.tm",
		"import --fields id,no a.csv new.tm", "import --fields id --types id a.csv new.tm", "import --fields id --types 'id int7' a.csv new.tm",
		"import --fields id --types 'no int8' a.csv new.tm", "import b.csv new.tm", "import --types 'id int64' b.csv new.tm", "import c.csv new.tm",
		"import d.csv new.tm", "import e.csv new.tm", "import --types 'id uint8' f.csv new.tm", "import g.csv new.tm", "import h.csv new.tm", "import i.csv new.tm", "import empty.csv new.tm", "import missing.csv new.tm",
		"import --fields id a.csv ticks.tm", "import --fields id a.csv no/new.tm", "import bad.npy new.tm", "import fortran.npy new.tm", "import object.npy new.tm",
		"import text.npy new.tm", "import short.npy new.tm", "import huge.npy new.tm", "import wide.npy new.tm", "import padding.npy new.tm", "import --types 'id int8' short.npy new.tm", "import -h"))
	if left, _ := os.ReadDir("."); strings.Contains(fmt.Sprint(left), "new") {
		t.Error("an import that failed has left a file: ", left)
	}
}

// npyFile returns a .npy file with so many zero bytes.
func npyFile(header string, n int) string {
	for (10+len(header)+1)%64 != 0 {
		header += " "
	}
	header += "\n"
	return "\x93NUMPY\x01\x00" + string([]byte{byte(len(header)), byte(len(header) >> 8)}) + header + strings.Repeat("\x00", n)
}

// Each kind of number survives CSV and .npy, there and back.
func TestEachKindSurvives(t *testing.T) {
	t.Chdir(t.TempDir())
	var header, types []string
	for i, name := range slices.Sorted(maps.Keys(scalars)) {
		kinds := []string{name, "[3]" + name}
		if i < 4 {
			kinds = append(kinds, "[2]"+name) // with the others, 30 columns
		}
		for _, kind := range kinds {
			column := []string{"F", "In.F", "In.Deep.F"}[min(i/5, 2)] + strings.NewReplacer("[", "_", "]", "_").Replace(kind)
			header, types = append(header, column), append(types, column+" "+kind)
		}
	}
	if len(header) != 30 {
		t.Fatal(header)
	}
	r := rand.New(rand.NewPCG(3, 4))
	text := strings.Join(header, ",") + "\n"
	for range 200 {
		var cells []string
		for _, one := range types {
			_, kind, _ := strings.Cut(one, " ")
			f, err := newField("x", kind)
			if err != nil {
				t.Fatal(err)
			}
			var words []string
			for range max(f.count, 1) {
				words = append(words, randomNumber(r, strings.TrimLeft(kind, "[23]")))
			}
			cell := strings.Join(words, " ")
			if f.count > 0 {
				cell = "[" + cell + "]"
			}
			cells = append(cells, cell)
		}
		text += strings.Join(cells, ",") + "\n"
	}
	write(t, "a.csv", text)
	tool(t, "import --types '"+strings.Join(types, ", ")+"' a.csv a.tm")
	tool(t, "export a.tm b.csv")
	if got := read(t, "b.csv"); got != strings.NewReplacer("true", "1", "false", "0").Replace(text) {
		t.Errorf("%s\nwhere it was\n%s", firstLines(got), firstLines(text))
	}
	tool(t, "export a.tm a.npy")
	tool(t, "import a.npy c.tm")
	if a, c := tool(t, "cat --format csv a.tm"), tool(t, "cat --format csv c.tm"); a != c {
		t.Errorf("%s\nand\n%s", firstLines(a), firstLines(c))
	}
	tool(t, "check a.tm c.tm")
	t.Run("NumPy", func(t *testing.T) {
		python := func(program string) ([]byte, error) {
			return exec.Command("/usr/bin/python3", "-c", program).CombinedOutput()
		}
		if out, err := python("import numpy"); err != nil {
			t.Skipf("there is no NumPy to turn the byte order of a.npy: %v: %s", err, lastLine(out))
		}
		if out, err := python(`
import numpy as np
a = np.load("a.npy")
a = a.astype(a.dtype.newbyteorder())         # the other byte order
np.save("turned.npy", a)`); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		tool(t, "import turned.npy d.tm")
		if a, d := tool(t, "cat --format csv a.tm"), tool(t, "cat --format csv d.tm"); a != d {
			t.Errorf("%s\nand\n%s", firstLines(a), firstLines(d))
		}
	})
}

// lastLine returns the last line of what a program prints.
func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

func firstLines(s string) string { return s[:min(len(s), 1500)] }

// randomNumber returns the text of a number as the command prints it.
func randomNumber(r *rand.Rand, kind string) string {
	switch kind {
	case "bool":
		return text(r.IntN(2) == 1)
	case "int8":
		return text(int8(r.Uint64()))
	case "int16":
		return text(int16(r.Uint64()))
	case "int32":
		return text(int32(r.Uint64()))
	case "int64":
		return text(int64(r.Uint64()))
	case "uint8":
		return text(uint8(r.Uint64()))
	case "uint16":
		return text(uint16(r.Uint64()))
	case "uint32":
		return text(uint32(r.Uint64()))
	case "uint64":
		return text(r.Uint64())
	case "float32":
		return text(r.Float32() * 1e10)
	case "float64":
		return text(r.NormFloat64() * 1e100)
	case "complex64":
		return text(complex(r.Float32(), -r.Float32()))
	}
	return text(complex(r.NormFloat64(), r.NormFloat64()))
}
