package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/typedmem/typedmem/inspect"
	"github.com/typedmem/typedmem/region"
)

var columnar = []string{"arrow", "parquet"}

// Structs, structs in arrays, rows, objects of slabs and empty files go through both formats.
func TestArrowAndParquet(t *testing.T) {
	for _, as := range columnar {
		t.Run(as, func(t *testing.T) {
			inFiles(t)
			lines := []string{"export ticks.tm ticks.X", "import ticks.X ticks2.tm", "info --format csv ticks2.tm", "cat --head 3 ticks2.tm",
				"export --from 4 --to 8 rows.tm rows.X", "import rows.X rows2.tm", "info rows2.tm", "cat rows2.tm",
				"export orders.tm orders.X", "import orders.X orders2.tm", "cat orders2.tm", "export empty.tm empty.X", "import empty.X empty2.tm", "info empty2.tm",
				"export --fields Bid.Qty,Levels,Halted --from -2 ticks.tm part.X", "import part.X part.tm", "info --format csv part.tm", "cat part.tm",
				"import --fields Seq,ID ticks.X few.tm", "info --format csv few.tm", "cat --tail 2 few.tm", "export --fields Bytes names.tm bytes.X",
				"export names.tm names.X", "import --fields Ref names.X refs.tm", "info --format csv refs.tm", "check ticks2.tm rows2.tm orders2.tm empty2.tm part.tm few.tm refs.tm"}
			for i := range lines {
				lines[i] = strings.ReplaceAll(lines[i], ".X", "."+as)
			}
			golden(t, as, session(t, lines...))
			if a, b := tool(t, "cat --format csv ticks.tm"), tool(t, "cat --format csv ticks2.tm"); values(a) != values(b) {
				t.Errorf("%s\nand\n%s", a, b)
			}
			names := readColumns(t, "names."+as)
			if got := names.Column(1).(*array.Binary); got.ValueString(1) != "Borough & Sons" || got.Len() != 4 {
				t.Error(got)
			}
		})
	}
}

// values returns a CSV file without its first line.
func values(csv string) string {
	_, rest, _ := strings.Cut(csv, "\n")
	return rest
}

// readColumns returns the first batch of a file.
func readColumns(t *testing.T, name string) arrow.RecordBatch {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	open := openIPC
	if strings.HasSuffix(name, "parquet") {
		open = openParquet
	}
	b, err := open(&countedFile{f, &progress{}})
	if err != nil {
		t.Fatal(err)
	}
	var all []int
	for i := range b.schema.NumFields() {
		all = append(all, i)
	}
	if err := b.open(all); err != nil {
		t.Fatal(err)
	}
	batch, err := b.next()
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

// Each kind of number, arrays of them, and rows of them survive both formats, byte by byte.
func TestEachKindSurvivesAsColumns(t *testing.T) {
	t.Chdir(t.TempDir())
	r := rand.New(rand.NewPCG(5, 6))
	var fields []field
	for name := range scalars {
		for _, kind := range []string{name, "[3]" + name} {
			f, err := newField("In."+strings.NewReplacer("[", "A", "]", "_").Replace("F"+kind), kind)
			if err != nil {
				t.Fatal(err)
			}
			fields = append(fields, f)
		}
	}
	of, err := elementOf(fields)
	if err != nil {
		t.Fatal(err)
	}
	const n = 3000
	writeRandom(t, r, "all.tm", of, fields, 0, n)
	files := []string{"all.tm"}
	for name, scalar := range scalars {
		f, err := newField("value", name)
		if err != nil {
			t.Fatal(err)
		}
		for _, width := range []int{1, 4} {
			file := fmt.Sprintf("%s-%d.tm", name, width)
			writeRandom(t, r, file, scalar, []field{f}, width, 100*width)
			files = append(files, file)
		}
	}
	if len(files) != 1+2*13 {
		t.Fatal(files)
	}
	for _, as := range columnar {
		for _, file := range files {
			out, back := "x."+as, "back-"+as+"-"+file
			tool(t, "export "+file+" "+out)
			tool(t, "import "+out+" "+back)
			tool(t, "check "+back)
			if a, b := read(t, file)[regionData:], read(t, back)[regionData:]; a != b {
				t.Errorf("%s: the data differs after %s", file, as)
			}
			if err := os.Remove(out); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// writeRandom makes a region file of random numbers.
func writeRandom(t *testing.T, r *rand.Rand, file string, of reflect.Type, fields []field, width, n int) {
	t.Helper()
	var data bytes.Buffer
	element := make([]byte, of.Size())
	for range n {
		for _, f := range fields {
			var words []string
			for range max(f.count, 1) {
				words = append(words, randomNumber(r, strings.TrimPrefix(f.kind, "[3]")))
			}
			text := strings.Join(words, " ")
			if f.count > 0 {
				text = "[" + text + "]"
			}
			if err := f.put(element, text); err != nil {
				t.Fatal(err)
			}
		}
		data.Write(element)
	}
	if got, err := region.WriteFile(file, of, width, &data); err != nil || got != n {
		t.Fatal(got, err)
	}
}

func TestWrongColumnExports(t *testing.T) {
	inFiles(t)
	var lines []string
	for _, as := range columnar {
		for _, line := range []string{"export --fields No ticks.tm new.X", "export --fields Levels[1].Qty ticks.tm new.X", "export --fields ID,@index ticks.tm new.X",
			"export --fields @handle orders.tm new.X", "export --fields ,ID ticks.tm new.X", "export --from 1 rows.tm new.X", "export --to 99 ticks.tm new.X", "export cut.tm new.X",
			"export foreign.tm new.X", "export --fields No names.tm new.X", "export ticks.tm rows.tm --as X", "export ticks.tm no/new.X", "export ticks.tm folder --as X"} {
			lines = append(lines, strings.ReplaceAll(strings.ReplaceAll(line, ".X", "."+as), "--as X", "--as "+as))
		}
	}
	golden(t, "columns-export-wrong", session(t, lines...))
	nothingNew(t)
}

// nothingNew fails the test if there is a file "new" or one with a temporary name.
func nothingNew(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		if strings.Contains(f.Name(), "new") || strings.Contains(f.Name(), ".export-") || strings.Contains(f.Name(), ".typedmem-") {
			t.Errorf("%s is left", f.Name())
		}
	}
}

// writeColumns makes an Arrow and a Parquet file, "NAME.arrow" and "NAME.parquet", of JSON.
func writeColumns(t *testing.T, name, rows string, fields ...arrow.Field) {
	t.Helper()
	schema := arrow.NewSchema(fields, nil)
	batch, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(rows))
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Release()
	for _, as := range columnar {
		var file bytes.Buffer
		w, err := newBatchWriter(as, schema, &sink{to: &file})
		if err != nil {
			t.Fatal(err)
		}
		half := (batch.NumRows() + 1) / 2 // so that there are two batches
		for _, part := range [][2]int64{{0, half}, {half, batch.NumRows()}} {
			if part[0] < part[1] {
				err = errors.Join(err, w.Write(batch.NewSlice(part[0], part[1])))
			}
		}
		if err = errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		write(t, name+"."+as, file.String())
	}
}

func nullable(name string, t arrow.DataType) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true}
}

// What other programs write is imported: lists that happen to be of one length, times, nullable
// columns without nulls, structs, and names that are none in Go.
func TestImportOfOthersColumns(t *testing.T) {
	inFiles(t)
	writeColumns(t, "other", `[{"when": "2024-01-02 03:04:05", "a b": 1, "on": true, "v": [1, 2], "s": {"x": -1, "y": [{"z": 0.5}]}, "name": "x"},
		{"when": "2024-01-02 03:04:06", "a b": 2, "on": false, "v": [3, 4], "s": {"x": 1, "y": [{"z": 1.5}]}, "name": null}]`,
		nullable("when", arrow.FixedWidthTypes.Timestamp_ms), nullable("a b", arrow.PrimitiveTypes.Int16), nullable("on", arrow.FixedWidthTypes.Boolean),
		nullable("v", arrow.ListOf(arrow.PrimitiveTypes.Float32)),
		nullable("s", arrow.StructOf(nullable("x", arrow.PrimitiveTypes.Int8), nullable("y", arrow.ListOf(arrow.StructOf(nullable("z", arrow.PrimitiveTypes.Float64)))))),
		nullable("name", arrow.BinaryTypes.String))
	writeColumns(t, "vectors", `[{"value": [1, 2, 3]}, {"value": [4, 5, 6]}]`, nullable("value", arrow.ListOf(arrow.PrimitiveTypes.Float32)))
	var lines []string
	for _, as := range columnar {
		lines = append(lines, "import --fields on,when,v,s other."+as+" "+as+".tm", "info --format csv "+as+".tm", "cat "+as+".tm", "import --fields 'a b' other."+as+" "+as+"2.tm", "cat "+as+"2.tm",
			"import vectors."+as+" "+as+"3.tm", "info "+as+"3.tm", "check "+as+".tm "+as+"2.tm "+as+"3.tm")
	}
	golden(t, "columns-import", session(t, lines...))
}

func TestWrongColumnImports(t *testing.T) {
	inFiles(t)
	number := nullable("id", arrow.PrimitiveTypes.Int64)
	list := nullable("v", arrow.ListOf(arrow.PrimitiveTypes.Int8))
	writeColumns(t, "text", `[{"id": 1, "name": "x"}]`, number, nullable("name", arrow.BinaryTypes.String))
	writeColumns(t, "null", `[{"id": 1}, {"id": 2}, {"id": null}]`, number)
	writeColumns(t, "deepnull", `[{"s": {"id": 1}}, {"s": {"id": null}}]`, nullable("s", arrow.StructOf(number)))
	writeColumns(t, "listnull", `[{"v": [1, 2]}, {"v": [1, null]}]`, list)
	writeColumns(t, "lists", `[{"v": [1, 2]}, {"v": [3, 4]}, {"v": [5]}]`, list)
	writeColumns(t, "emptylist", `[{"v": []}]`, list)
	writeColumns(t, "norow", `[]`, list)
	writeColumns(t, "twice", `[{"a b": 1, "a_b": 2}]`, nullable("a b", arrow.PrimitiveTypes.Int8), nullable("a_b", arrow.PrimitiveTypes.Int8))
	writeColumns(t, "decimal", `[{"d": "1.5"}]`, nullable("d", &arrow.Decimal128Type{Precision: 9, Scale: 2}))
	writeColumns(t, "map", `[{"m": [{"key": 1, "value": 2}]}]`, nullable("m", arrow.MapOf(arrow.PrimitiveTypes.Int8, arrow.PrimitiveTypes.Int8)))
	var lines []string
	for _, as := range columnar {
		for _, line := range []string{"import text.X new.tm", "import --fields no text.X new.tm", "import --fields id,id text.X new.tm", "import --fields id --types 'id int8' text.X new.tm",
			"import null.X new.tm", "import deepnull.X new.tm", "import listnull.X new.tm", "import lists.X new.tm", "import emptylist.X new.tm", "import norow.X new.tm", "import twice.X new.tm",
			"import decimal.X new.tm", "import map.X new.tm", "import --fields id text.X ticks.tm", "import --fields id text.X no/new.tm", "import missing.X new.tm", "import --as X foreign.tm new.tm",
			"import --as X nothing.tm new.tm", "import --as X folder new.tm"} {
			lines = append(lines, strings.ReplaceAll(strings.ReplaceAll(line, ".X", "."+as), "--as X", "--as "+as))
		}
	}
	golden(t, "columns-import-wrong", session(t, lines...))
	nothingNew(t)
}

// A file that was cut off anywhere, or of which a byte is another one, is an error or an import,
// never a crash; after an error there is no new file.
func TestDamagedArrowFiles(t *testing.T) {
	inFiles(t)
	tool(t, "export ticks.tm whole.arrow")
	whole := read(t, "whole.arrow")
	r := rand.New(rand.NewPCG(7, 8))
	refused := 0
	for i := range 600 {
		b := []byte(whole)
		if i%3 == 0 {
			b = b[:r.IntN(len(b))]
		} else if at := r.IntN(len(b)); b[at] != 0 || at%8 < 2 { // not the upper bytes of a size: it would be allocated
			b[at] ^= 1 << r.IntN(8)
		}
		write(t, "bad.arrow", string(b))
		var out bytes.Buffer
		if status := run(context.Background(), []string{"import", "bad.arrow", "new.tm"}, nil, &out, &out); status != 0 {
			refused++
			nothingNew(t)
			continue
		}
		if err := os.Remove("new.tm"); err != nil {
			t.Fatal(err)
		}
	}
	if refused < 200 {
		t.Errorf("%d of 600 damaged files are refused", refused)
	}
}

// While a file is written there is nothing of its name, and on Linux nothing at all.
func TestNewFilesAppearComplete(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, make := range []func(string) (*os.File, func(error) error, error){newFile, newTemporary} {
		f, name, err := make("new.csv")
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(f, "half")
		if _, err := os.Stat("new.csv"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a file that is not complete has its name: %v", err)
		}
		failed := errors.New("failed")
		if err := name(failed); !errors.Is(err, failed) {
			t.Error(err)
		}
		nothingNew(t)
		if f, name, err = make("new.csv"); err != nil {
			t.Fatal(err)
		}
		io.WriteString(f, "whole")
		if err := name(nil); err != nil || read(t, "new.csv") != "whole" {
			t.Error(err)
		}
		if _, name, err = make("new.csv"); err != nil {
			t.Fatal(err)
		}
		if err := name(nil); !errors.Is(err, os.ErrExist) || read(t, "new.csv") != "whole" {
			t.Errorf("a file that appeared meanwhile: %v", err)
		}
		if err := os.Remove("new.csv"); err != nil {
			t.Fatal(err)
		}
		nothingNew(t)
	}
}

// An export or import that is interrupted, and an export to a full device, leave no file.
func TestInterruptedTransfers(t *testing.T) {
	inFiles(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	for _, as := range exports {
		for _, from := range []string{"ticks.tm", "orders.tm", "names.tm"} {
			if from == "names.tm" && as == "npy" {
				continue
			}
			if status := run(ctx, []string{"export", from, "new." + as}, nil, &out, &out); status != 1 || !strings.Contains(out.String(), "context canceled") {
				t.Errorf("export of %s as %s: exit status %d, %s", from, as, status, out.String())
			}
			nothingNew(t)
		}
		out.Reset()
	}
	for _, as := range columnar {
		tool(t, "export ticks.tm x."+as)
		if status := run(ctx, []string{"import", "x." + as, "new.tm"}, nil, &out, &out); status != 1 || !strings.Contains(out.String(), "context canceled") {
			t.Errorf("import of %s: exit status %d, %s", as, status, out.String())
		}
		nothingNew(t)
		for _, name := range []string{"ticks.tm", "names.tm"} {
			file, err := inspect.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			o := exportOptions{as: as, catOptions: catOptions{ranges: ranges{toGiven: func() bool { return false }}}}
			if err := o.writeArrow(context.Background(), full{}, name, file, &progress{}); err == nil || err.Error() != "the device is full" {
				t.Errorf("%s of %s to a full device: %v", as, name, err)
			}
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Fields lists of both byte orders become types whose numbers lie where the file has them; those
// that no file of this library has are refused.
func TestTypesOfFieldLists(t *testing.T) {
	f := func(path, kind string, offset, size int) inspect.Field {
		return inspect.Field{Path: path, Kind: kind, Offset: offset, Size: size}
	}
	type fs = []inspect.Field
	for _, c := range []struct {
		info inspect.Info
		want string // "" for a refusal
	}{
		{inspect.Info{ElementSize: 8, Fields: fs{f(".", "float64", 0, 8)}}, "endian.LE64[float64]"},
		{inspect.Info{ElementSize: 8, ByteOrder: "big", Fields: fs{f(".", "float64", 0, 8)}}, "endian.BE64[float64]"},
		{inspect.Info{ElementSize: 2, Width: 3, Fields: fs{f(".", "int16", 0, 2)}}, "[3]endian.LE16[int16]"},
		{inspect.Info{ElementSize: 16, Fields: fs{f("A", "be.uint32", 0, 4), f("B", "[2]le.int16", 4, 4), f("C", "atomic.Bool", 8, 4), f("_", "[4]uint8", 12, 4)}, ByteOrder: "big"},
			"struct { A endian.BE32[uint32]; B [2]endian.LE16[int16]; C endian.BE32[uint32]; _ [4]uint8 }"},
		{inspect.Info{ElementSize: 20, Fields: fs{f("L[2:8].A[2:3].X", "uint16", 0, 2), f("L[2:8].A[2:3]._", "uint8", 2, 1), f("L[2:8].B", "complex64", 6, 8)}}, ""}, // ends after the stride
		{inspect.Info{ElementSize: 18, Fields: fs{f("L[2:8].A[2:3].X", "uint16", 0, 2), f("L[2:8].A[2:3]._", "uint8", 2, 1), f("L[2:8].B", "bool", 6, 1), f("L[2:8]._", "uint8", 7, 1), f("Z", "[2]int8", 16, 2)}},
			"struct { L [2]struct { A [2]struct { X endian.LE16[uint16]; _ [1]uint8 }; B region.Bool8; _ [1]uint8 }; Z [2]int8 }"},
		{inspect.Info{ElementSize: 8, Fields: fs{f("A B", "int64", 0, 8)}}, ""},
		{inspect.Info{ElementSize: 8, Fields: fs{f("A", "int32", 0, 4), f("A", "int32", 4, 4)}}, ""},
		{inspect.Info{ElementSize: 8, Fields: fs{f("A", "int32", 4, 4)}}, ""},
		{inspect.Info{ElementSize: 8, Fields: fs{f("A", "int32", 0, 4)}}, ""},
		{inspect.Info{ElementSize: 8, Fields: fs{f("A", "text", 0, 8)}}, ""},
		{inspect.Info{ElementSize: 8, Fields: fs{f("A", "[0]int8", 0, 8)}}, ""},
		{inspect.Info{ElementSize: 8, Fields: fs{f("A[x:4]", "int32", 0, 4)}}, ""},
		{inspect.Info{ElementSize: 8, Fields: fs{f("A[2:8].B", "int64", 0, 8)}}, ""},
		{inspect.Info{ElementSize: 8, Fields: fs{f("A[2:4].B", "int32", 0, 4), f("A.C", "int32", 4, 4)}}, ""},
	} {
		got, err := arrowType(c.info, func(string) bool { return true })
		if err != nil && c.want == "" {
			continue
		}
		if text := strings.ReplaceAll(fmt.Sprint(got), "github.com/typedmem/typedmem/", ""); err != nil || text != c.want {
			t.Errorf("%v is %s, %v, not %s", c.info.Fields, text, err, c.want)
		}
	}
}

// The memory of an export and an import does not grow with the file.
func TestTransfersHoldOneBatch(t *testing.T) {
	t.Chdir(t.TempDir())
	const rows, width = 1 << 20, 32
	f, err := newField("value", "uint8")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := region.WriteFile("big.tm", f.scalar, width, io.LimitReader(rand.NewChaCha8([32]byte{1}), width*rows)); err != nil {
		t.Fatal(err)
	}
	for _, as := range columnar {
		tool(t, "export big.tm big."+as)
		file, err := os.Open("big." + as)
		if err != nil {
			t.Fatal(err)
		}
		open, most := openIPC, batchRows
		if as == "parquet" {
			open = openParquet
		}
		b, err := open(&countedFile{file, &progress{}})
		if err == nil {
			err = b.open([]int{0})
		}
		if err != nil {
			t.Fatal(err)
		}
		all := 0
		for {
			batch, err := b.next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := int(batch.NumRows()); n > most {
				t.Fatalf("a batch of %d rows", n)
			}
			all += int(batch.NumRows())
			batch.Release()
		}
		if all != rows {
			t.Errorf("%s: %d rows, not %d", as, all, rows)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		tool(t, "import big."+as+" back-"+as+".tm")
		if read(t, "big.tm")[regionData:] != read(t, "back-"+as+".tm")[regionData:] {
			t.Errorf("%s: the data differs", as)
		}
	}
}

// Objects and blobs that fill several batches are exported all, in their order.
func TestBatchesOfObjectsAndBlobs(t *testing.T) {
	inFiles(t)
	a, b := batchRows, groupRows
	t.Cleanup(func() { batchRows, groupRows = a, b })
	for n := 1; n <= 4; n++ {
		batchRows, groupRows = n, n
		for _, as := range columnar {
			x := fmt.Sprintf("%d.%s", n, as)
			tool(t, "export --fields Qty orders.tm orders"+x)
			tool(t, "import orders"+x+" orders"+x+".tm")
			if got := tool(t, "cat --format csv orders"+x+".tm"); got != "Qty\n0\n2\n3\n" {
				t.Errorf("%s: %s", x, got)
			}
			tool(t, "export names.tm names"+x)
			tool(t, "import --fields Ref names"+x+" refs"+x+".tm")
			var want []string
			f, err := inspect.Open("names.tm")
			if err != nil {
				t.Fatal(err)
			}
			for e, err := range f.Elements(0, f.Len()) {
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, fmt.Sprint(e.Handle))
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if got := strings.Fields(values(tool(t, "cat --format csv refs"+x+".tm"))); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %v, not %v", x, got, want)
			}
			if got := int(readColumns(t, "names"+x).NumRows()); got != n {
				t.Errorf("%s: a batch of %d rows", x, got)
			}
		}
	}
}
