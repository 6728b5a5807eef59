package typedmem_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

type printedRecord struct {
	Price float64
	Qty   uint64
}

type printedAtomic struct{ N atomic.Uint64 }

// printable is a value and the words that its text must have.
type printable struct {
	name  string
	value any
	words []string
}

// printables makes a value of every public type in each of its states.
func printables(t *testing.T) []printable {
	const R, S = "printedRecord]", "printedRecord]"
	path := func(name string) string { return filepath.Join(t.TempDir(), name) }
	closing := func(c io.Closer) { t.Cleanup(func() { _ = c.Close() }) }
	mapping := func(o options.Options) *typedmem.Mapping {
		m := testkit.Must(o.MapMut())(t)
		closing(m)
		return m
	}
	base := options.New(unit).WithCapacity(4 * unit)

	open, closed, pinned, noAccess := mapping(base), mapping(base), mapping(base), mapping(base)
	testkit.Check(t, closed.Close(), "close")
	unpin := testkit.Must(pinned.Pin())(t)
	t.Cleanup(unpin)
	testkit.Check(t, noAccess.MakeNone(), "MakeNone")
	reserved := testkit.Must(base.ReserveMut())(t)
	closing(reserved)
	file := testkit.File(t, make([]byte, 2*unit))
	private := mapping(options.New(unit).WithFile(file, 0))

	r := testkit.Must(region.MapMut[printedRecord](base))(t)
	closing(r)
	wide := testkit.Must(region.New[uint64](10))(t) // the default capacity
	closing(wide)
	kept := path("kept.tm")
	created := testkit.Must(region.Create[printedRecord](kept, 3))(t)
	closing(created)
	reader := testkit.Must(region.Open[printedRecord](kept))(t)
	closing(reader)
	gone := testkit.Must(region.New[printedRecord](3))(t)
	goneView := gone.View()
	testkit.Check(t, gone.Close(), "close")
	raw := testkit.Must(region.New[printedAtomic](2))(t)
	closing(raw)
	cut := testkit.Must(region.New[uint64](8))(t)
	closing(cut)
	cutView, cutColumn := cut.View(), testkit.Must(cut.View().Every(0, 8, 2))(t)
	cutRows := testkit.Must(region.RowsOf(cutView, 2))(t)
	testkit.Check(t, cut.Resize(3), "resize")
	hidden := testkit.Must(region.New[uint64](4))(t)
	closing(hidden)
	hiddenView := hidden.View()
	testkit.Check(t, hidden.Mapping().MakeNone(), "MakeNone")
	rows, noRows := testkit.Must(region.RowsOf(wide.View(), 2))(t), testkit.Must(region.RowsOf(hiddenView, 2))(t)
	noRows = testkit.Must(noRows.Sub(1, 1))(t)
	vectors := testkit.Must(region.OpenFile[uint64](path("vectors.tm"), region.FileOptions{Write: true, Create: true, Len: 6, Width: 3}))(t)
	closing(vectors)
	column := testkit.Must(region.Field[uint64](r.View(), 8))(t)

	s := testkit.Must(slab.New[printedRecord](100))(t)
	closing(s)
	h := testkit.Must(s.Alloc())(t)
	slabPath := path("slab.tm")
	slabFile := testkit.Must(slab.Create[printedRecord](slabPath, 100))(t)
	testkit.Check(t, slabFile.Sync(), "sync")
	closing(slabFile)
	slabReader := testkit.Must(slab.Open[printedRecord](slabPath))(t)
	closing(slabReader)
	slabGone := testkit.Must(slab.New[printedRecord](100))(t)
	testkit.Check(t, slabGone.Close(), "close")
	checked := testkit.Must(slab.With[printedRecord](100, slab.Config{Debug: true}))(t)
	closing(checked)
	testkit.Must(checked.Alloc())(t)
	cache, cacheGone := s.Cache(), s.Cache()
	closing(cache)
	testkit.Must(cache.Alloc())(t)
	testkit.Check(t, cacheGone.Close(), "close")

	_, bounds := r.View().Load(-1)
	_, ended := goneView.Load(0)
	var tmError *typedmem.Error
	if !errors.As(bounds, &tmError) {
		t.Fatal(bounds)
	}
	area := typedmem.Area{Start: 0x1000, End: 0x2000, Protection: read, Path: "/a b", Offset: 8, Deleted: true}

	return []printable{
		{"Mapping", open, []string{"typedmem.Mapping(", fmt.Sprintf("%d of %d bytes", unit, 4*unit), fmt.Sprintf("%#x", open.Addr()), "Read|Write"}},
		{"Mapping, closed", closed, []string{"typedmem.Mapping(closed)"}},
		{"Mapping, zero", new(typedmem.Mapping), []string{"typedmem.Mapping(closed)"}},
		{"Mapping, nil", (*typedmem.Mapping)(nil), []string{"nil"}},
		{"Mapping, pinned", pinned, []string{"pins: 1"}},
		{"Mapping, no access", noAccess, []string{fmt.Sprint(unit), "None"}},
		{"Mapping, reserved", reserved, []string{"reserved", "Read|Write"}},
		{"Mapping of a file", private, []string{"private copy of file", filepath.Base(file.Name())}},
		{"Area", area, []string{"1000", "2000", "/a b"}},
		{"Area, zero", typedmem.Area{}, nil},
		{"Error", bounds, []string{"index -1"}},
		{"Error of what is closed", ended, []string{"closed"}},
		{"Error, its value", *tmError, []string{"index -1"}},
		{"Error, zero", new(typedmem.Error), nil},
		{"Error, nil", (*typedmem.Error)(nil), []string{"nil"}},
		{"FaultError", &typedmem.FaultError{Addr: 4096, Mapping: open, Offset: 8, Err: typedmem.ErrTruncated}, []string{"too short"}},
		{"FaultError, its value", typedmem.FaultError{Addr: 4096, Mapping: open, Offset: 8, Err: typedmem.ErrTruncated}, []string{"too short"}},
		{"FaultError, zero", new(typedmem.FaultError), nil},
		{"FaultError, nil", (*typedmem.FaultError)(nil), []string{"nil"}},
		{"Options", base.WithFile(file, 8).WithFlags(flags.Shared), []string{"options.New(", "WithFile(", filepath.Base(file.Name()), "WithCapacity(", "WithFlags(Shared)"}},
		{"Options, zero", options.Options{}, []string{"options.New(0)"}},
		{"Options with a nil file", options.New(1).WithFile(nil, 0), []string{"WithFile(nil, 0)"}},
		{"flags", []any{flags.Shared | flags.Populate, flags.JIT, read, flags.Page2M, flags.Sizes(flags.Page2M), typedmem.Shared}, nil},
		{"Region", r, []string{"region.Region[", R, "elements", "Read|Write", fmt.Sprintf("%d of %d", r.Len(), r.Cap())}},
		{"Region with much capacity", wide, []string{"region.Region[uint64](10 of"}},
		{"Region, created", created, []string{"3 of", "Read|Write", "shared file", "kept.tm"}},
		{"Region, opened", reader, []string{"3 of", "Read, ", "shared file", "kept.tm"}},
		{"Region, closed", gone, []string{"region.Region[", R, "(closed)"}},
		{"Region, zero", new(region.Region[printedRecord]), []string{"(closed)"}},
		{"Region, nil", (*region.Region[printedRecord])(nil), []string{"nil"}},
		{"Region, raw access", raw, []string{"raw access only"}},
		{"View", r.View(), []string{"region.View[", R, "elements", "Read|Write"}},
		{"View, read-only", r.View().ReadOnly(), []string{"elements, Read)"}},
		{"View, closed", goneView, []string{"3 elements, closed"}},
		{"View, no access", hiddenView, []string{"4 elements, None"}},
		{"View, zero", region.View[uint64]{}, []string{"region.View[uint64](0 elements)"}},
		{"View, raw access", raw.View(), []string{"2 elements, raw access only"}},
		{"View, cut", cutView, []string{"8 elements, 3 of them left"}},
		{"Strided", column, []string{"region.Strided[uint64](", "16 bytes apart", "Read|Write"}},
		{"Strided, cut", cutColumn, []string{"4 elements, 2 of them left"}},
		{"Strided, zero", region.Strided[uint64]{}, []string{"region.Strided[uint64](0 elements)"}},
		{"Rows", rows, []string{"region.Rows[uint64](5 rows of 2 elements", "Read|Write"}},
		{"Rows, cut", cutRows, []string{"4 rows of 2 elements, 1 of them left"}},
		{"Rows, none", noRows, []string{"0 rows of 2 elements"}},
		{"Rows, zero", region.Rows[uint64]{}, []string{"region.Rows[uint64](0 rows)"}},
		{"Region with rows", vectors, []string{"6 of", "elements in rows of 3, Read|Write", "vectors.tm"}},
		{"Bool8", region.Bool8(7), nil},
		{"Slab", s, []string{"slab.Slab[", S, "of 100 objects", "Read|Write"}},
		{"Slab, zero", new(slab.Slab[printedRecord]), []string{"(closed)"}},
		{"Slab, nil", (*slab.Slab[printedRecord])(nil), []string{"nil"}},
		{"Slab, closed", slabGone, []string{"(closed)"}},
		{"Slab, checked", checked, []string{"1 of 100 objects", "checked"}},
		{"Slab, created", slabFile, []string{"0 of 100 objects", "slab.tm"}},
		{"Slab, opened", slabReader, []string{"100 slots", "slab.tm"}},
		{"Handle", h, nil},
		{"Config", slab.Config{Options: base}, []string{"options.New("}},
		{"Stats", s.Stats(), nil},
		{"Leaks", checked.Leaks(), nil},
		{"MisuseError", &slab.MisuseError{Handle: h.Uint64()}, nil},
		{"MisuseError, nil", (*slab.MisuseError)(nil), []string{"nil"}},
		{"Cache", cache, []string{"slab.Cache[", "slots parked"}},
		{"Cache, closed", cacheGone, []string{"closed"}},
		{"Cache, nil", (*slab.Cache[printedRecord])(nil), []string{"nil"}},
	}
}

// inside returns the value as it comes to fmt in a program: bare, as a copy of what it points to,
// and in structs with and without names that fmt may call methods of, slices, maps and pointers.
func inside(x any) []any {
	v := reflect.ValueOf(x)
	list := []any{
		x, &x, []any{x}, map[string]any{"x": x},
		struct{ X any }{x}, &struct{ X any }{x}, struct{ x any }{x}, &struct{ x any }{x},
		[1]struct{ x []any }{{[]any{x}}},
	}
	hidden := struct{ x reflect.Value }{v}
	list = append(list, hidden)
	slice := reflect.MakeSlice(reflect.SliceOf(v.Type()), 1, 1)
	slice.Index(0).Set(v)
	list = append(list, slice.Interface())
	typed := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "X", Type: v.Type()}}))
	typed.Elem().Field(0).Set(v)
	list = append(list, typed.Interface(), typed.Elem().Interface())
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		list = append(list, v.Elem().Interface(), struct{ X any }{v.Elem().Interface()}, struct{ x any }{v.Elem().Interface()})
	}
	return list
}

// TestEveryValuePrints: fmt must not walk into mapped memory, where one byte that may not be read
// ends the program and recover does not help. A child process prints, so that the failure is
// reported here.
func TestEveryValuePrints(t *testing.T) {
	const asked = "TYPEDMEM_PRINT"
	if os.Getenv(asked) == "" && testenv.Emulator() == "" {
		child := osexec.Command(os.Args[0], "-test.run=^TestEveryValuePrints$", "-test.v")
		child.Env = append(os.Environ(), asked+"=1")
		if out, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	const most = 10_000 // bytes: more is a walk through memory
	for _, p := range printables(t) {
		if e, ok := p.value.(error); ok && e.Error() == "" {
			t.Errorf("%s: Error returns no text", p.name)
		}
		for i, x := range inside(p.value) {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T", "%20v", "%-5s"} {
				text := fmt.Sprintf(verb, x)
				if len(text) > most || strings.Contains(text, "PANIC") {
					t.Errorf("%s, case %d, %s: %d bytes: %.500s", p.name, i, verb, len(text), text)
				}
				if i != 0 || verb != "%v" && verb != "%+v" && verb != "%#v" {
					continue
				}
				for _, w := range p.words {
					if !strings.Contains(text, w) {
						t.Errorf("%s, %s: %s: no %q", p.name, verb, text, w)
					}
				}
			}
			var out bytes.Buffer
			log.New(&out, "", 0).Print(x)
			slog.New(slog.NewTextHandler(&out, nil)).Info("m", "x", x)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "x", x)
			if out.Len() > 3*most || strings.Contains(out.String(), "PANIC") {
				t.Errorf("%s, case %d, logged: %d bytes: %.500s", p.name, i, out.Len(), out.String())
			}
		}
		t.Logf("%s: %v", p.name, p.value)
	}
}

// TestEveryValueLogs: log/slog writes what fmt does, as text and as JSON, also of values of a
// group.
func TestEveryValueLogs(t *testing.T) {
	values := []any{flags.Shared | flags.Populate, flags.JIT, read, flags.Page2M, flags.Sizes(flags.Page2M), typedmem.Shared}
	for _, p := range printables(t) {
		if _, ok := p.value.(fmt.Stringer); ok {
			values = append(values, p.value)
		}
	}
	if len(values) < 40 {
		t.Errorf("%d values only", len(values))
	}
	for _, x := range values {
		var text, js bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("m", "x", x, slog.Group("g", "x", x))
		slog.New(slog.NewJSONHandler(&js, nil)).Info("m", "x", x, slog.Group("g", "x", x))
		var line struct {
			X any
			G struct{ X any }
		}
		if err := json.Unmarshal(js.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, js.String())
		}
		want := fmt.Sprint(x)
		if fmt.Sprint(line.X) != want || fmt.Sprint(line.G.X) != want {
			t.Errorf("%T as JSON: %s", x, js.String())
		}
		if s := text.String(); !strings.Contains(s, " x="+want) && !strings.Contains(s, " x="+strconv.Quote(want)) {
			t.Errorf("%s as text: %s", want, s)
		}
	}
}

// TestPrintingBesideUse: under the race detector a value that fmt reads without its lock is
// reported.
func TestPrintingBesideUse(t *testing.T) {
	r := testkit.Must(region.Create[uint64](filepath.Join(t.TempDir(), "r.tm"), 1))(t)
	s := testkit.Must(slab.New[uint64](1000))(t)
	m := testkit.Must(options.New(unit).WithCapacity(64 * unit).MapMut())(t)
	all := []any{r, r.View(), r.View().ReadOnly(), r.Mapping(), s, s.Mapping(), m, struct{ X, y any }{m, m}}
	var users sync.WaitGroup
	var done atomic.Bool
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		for last := false; !last; runtime.Gosched() {
			last = done.Load()
			for _, x := range all {
				fmt.Fprintf(io.Discard, "%v %+v %#v", x, x, x)
			}
		}
	}()
	use := func(f func(i int)) {
		users.Add(1)
		go func() {
			defer users.Done()
			for i := range 200 {
				f(i)
			}
		}()
	}
	try := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	use(func(i int) {
		try(r.Append(uint64(i)))
		try(r.Sync())
	})
	use(func(i int) {
		h, err := s.Insert(uint64(i))
		try(err)
		if i%2 == 0 {
			try(s.Free(h))
		}
	})
	use(func(i int) {
		try(m.Resize((1 + i%64) * unit))
		try(m.MakeReadOnly())
		try(m.MakeMut())
		unpin, err := m.Pin()
		try(err)
		unpin()
	})
	users.Wait()
	try(errors.Join(r.Close(), s.Close(), m.Close()))
	done.Store(true)
	<-printed
}
