package fuzz

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// FuzzFileOperations opens, changes, saves, migrates, replaces and kills one region file, with
// several regions of it open at once, and compares every one with a model of plain Go slices.
func FuzzFileOperations(f *testing.F) {
	testenv.PartialPages(f)
	if _, known := sys.BootID(); !known || !sys.WritesShowInMappings {
		f.Skip("the model is of a system with a boot ID and one page cache")
	}
	dir := testkit.FastDir(f)
	for _, seed := range fileSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		fileOperations(t, dir, &program{input})
	})
}

const (
	mostRows = 3000 // several pages
	mostOpen = 4
	writes   = 1 // bits of the first byte of an open, as in FileOptions
	creates  = 2
	shares   = 4
	copies   = 8
)

// row is an element in the model, even and odd are the types that a file may have.
type (
	row  struct{ id, x uint64 }
	even struct{ ID, X uint64 }
	odd  struct{ X, ID, None uint64 }
)

// content is what a file holds; a file keeps it when another one takes its name.
type content struct {
	kind    int
	width   int
	rows    []row
	version int // counts the changes
}

// opened is a region of either type.
type opened interface {
	Len() int
	Cap() int
	Resize(n int) error
	Sync() error
	Flush() error
	Refresh() (int, error)
	Snapshot(path string) error
	Close() error
	Shutdown(ctx context.Context) error
	Pin() (func(), error)
	add(xs []row) error
	set(i int, x row) error
	get(i int) (row, error)
}

type either[T any] struct {
	*region.Region[T]
	to   func(row) T
	from func(T) row
}

func (r either[T]) add(xs []row) error {
	all := make([]T, len(xs))
	for i, x := range xs {
		all[i] = r.to(x)
	}
	return r.Append(all...)
}

func (r either[T]) set(i int, x row) error { return r.Store(i, r.to(x)) }

func (r either[T]) get(i int) (row, error) {
	x, err := r.Load(i)
	return r.from(x), err
}

func openKind[T any](path string, o region.FileOptions, to func(row) T, from func(T) row) (opened, error) {
	r, err := region.OpenFile[T](path, o)
	return either[T]{r, to, from}, err
}

// kinds are the two types, each with the migration to it.
var kinds = [2]struct {
	size    int
	open    func(path string, o region.FileOptions) (opened, error)
	salvage func(damaged, path string) (saved, lost int, err error)
	migrate func(path string, convert func(row) row, steps int) error
}{
	{
		16,
		func(path string, o region.FileOptions) (opened, error) {
			return openKind(path, o, toEven, fromEven)
		},
		region.Salvage[even],
		func(path string, convert func(row) row, steps int) error {
			return migrate(path, convert, steps, toEven, fromOdd)
		},
	},
	{
		24,
		func(path string, o region.FileOptions) (opened, error) { return openKind(path, o, toOdd, fromOdd) },
		region.Salvage[odd],
		func(path string, convert func(row) row, steps int) error {
			return migrate(path, convert, steps, toOdd, fromEven)
		},
	},
}

func toEven(r row) even   { return even{r.id, r.x} }
func fromEven(e even) row { return row{e.ID, e.X} }
func toOdd(r row) odd     { return odd{r.x, r.id, 0} }
func fromOdd(o odd) row   { return row{o.ID, o.X + o.None<<32} }

// migrate breaks off after so many steps.
func migrate[New, Old any](path string, convert func(row) row, steps int, to func(row) New, from func(Old) row) (err error) {
	var f func(Old) New
	if convert != nil {
		f = func(o Old) New { return to(convert(from(o))) }
	}
	for _, err := range region.MigrateSteps(path, f) {
		if steps--; err != nil || steps == 0 {
			return err
		}
	}
	return nil
}

// handle is an open region, and what it has to show.
type handle struct {
	opened
	mode    byte // writes, shares, copies
	of      *content
	n       int         // elements
	base    []row       // of a copy: the elements when it was opened
	version int         // and the version
	own     map[int]row // and what was set in it
}

func (h *handle) alone() bool  { return h.mode == writes }
func (h *handle) reader() bool { return h.mode == 0 }
func (h *handle) fixed() bool  { return h.mode&(shares|copies) != 0 }

// files is the model of a folder with a region file and its processes.
type files struct {
	t    *testing.T
	p    *program
	dir  string
	path string
	now  *content // what path names
	open []*handle
	id   uint64
	busy int // opens that waited for a lock
}

func fileOperations(t *testing.T, dir string, p *program) {
	dir, err := os.MkdirTemp(dir, "")
	testkit.Check(t, err)
	m := &files{t: t, p: p, dir: dir, path: filepath.Join(dir, "file")}
	defer func() {
		for _, h := range m.open { // after a failure
			_ = h.Close()
		}
		_ = os.RemoveAll(dir)
	}()
	for steps := 0; p.more() && steps < 60; steps++ {
		m.step()
		for _, h := range m.open {
			m.compare(h, false)
		}
	}
	m.kill() // compares them, and what is left
	if m.now != nil {
		m.check(m.path, m.now.kind, m.now.rows)
	}
	m.names()
}

// names fails if there are other files than the one.
func (m *files) names() {
	m.t.Helper()
	want := []string{"file"}
	if m.now == nil {
		want = nil
	}
	if names := testkit.Names(m.t, m.dir); !slices.Equal(names, want) {
		m.t.Fatalf("%q are there, want %q", names, want)
	}
}

func (m *files) step() {
	op := m.p.byte() % 20
	if op < 4 || len(m.open) == 0 && op < 12 {
		m.openOne()
		return
	}
	switch op {
	case 12:
		m.migrate()
	case 13:
		m.salvage()
	case 14:
		m.kill()
	case 15:
		m.remove()
	default:
		if len(m.open) > 0 {
			m.with(op, m.open[m.p.below(len(m.open))])
		}
	}
}

// with does what is done with an open region.
func (m *files) with(op byte, h *handle) {
	switch op {
	case 4, 5, 16:
		m.append(h)
	case 6:
		m.resize(h)
	case 7, 17:
		m.set(h)
	case 8:
		expect(m.t, "Sync", h.Sync(), when(h.of != m.now, typedmem.ErrReplaced))
	case 9:
		expect(m.t, "Flush", h.Flush())
	case 10:
		m.refresh(h)
	case 11:
		m.shutdown(h)
	case 18:
		m.snapshot(h)
	case 19:
		m.close(h)
	}
}

// rows makes n elements, each another one.
func (m *files) rows(n int) (xs []row) {
	for range n {
		m.id++
		xs = append(xs, row{m.id, m.id * 0x9e3779b97f4a7c15 >> 32})
	}
	return xs
}

// named fails unless an error names the path.
func (m *files) named(what string, err error, path string) {
	m.t.Helper()
	if err != nil && !strings.Contains(err.Error(), path) {
		m.t.Fatalf("%s: %q does not name %s", what, err, path)
	}
}

func (m *files) openOne() {
	if len(m.open) == mostOpen {
		m.close(m.open[0])
	}
	mode, kind, sizes := m.p.byte(), m.p.below(8)&1, m.p.byte()
	length := [...]int{0, 1, 5, 700, 0, 3, -1, math.MaxInt}[sizes&7]
	capacity := [...]int{0, 0, 0, 0, 2, 10_000, -1, 100_000}[sizes>>3&7]
	width := [...]int{0, 0, 1, 3}[sizes>>6]
	if mode&0x70 == 0x70 {
		width = -width
	}
	if m.now != nil && mode < 0x80 { // mostly the type that it has
		kind = m.now.kind
	}
	o := region.FileOptions{
		Write: mode&writes != 0, Create: mode&creates != 0, Shared: mode&shares != 0, CopyOnWrite: mode&copies != 0,
		Len: length, Capacity: capacity, Width: width,
	}
	alone := o.Write && !o.Shared && !o.CopyOnWrite
	reasons := []error{
		when(o.Create && !o.Write || o.Shared && !o.Write || o.CopyOnWrite && (o.Shared || o.Create), typedmem.ErrOperation),
		when(length < 0 || length == math.MaxInt || capacity < 0 || width < 0 || width > 1 && length%width != 0, typedmem.ErrSize),
	}
	if errors.Join(reasons...) == nil {
		switch now := m.now; {
		case now == nil && !o.Create:
			reasons = append(reasons, fs.ErrNotExist)
		case now == nil:
			reasons = append(reasons, when(o.Shared && length == 0 || capacity > 0 && capacity < length, typedmem.ErrSize))
		default:
			if slices.ContainsFunc(m.open, func(h *handle) bool {
				return h.of == now && (alone && h.mode&shares != 0 || (alone || o.Shared) && h.alone())
			}) {
				if m.busy++; m.busy > 2 { // each takes its time
					return
				}
				reasons = append(reasons, typedmem.ErrBusy)
			}
			reasons = append(reasons, when(now.kind != kind || width > 0 && width != now.width || capacity > 0 && capacity < len(now.rows), typedmem.ErrLayout))
		}
	}
	r, err := kinds[kind].open(m.path, o)
	m.named("OpenFile", err, m.path)
	expect(m.t, "OpenFile", err, reasons...)
	if err != nil {
		return
	}
	if m.now == nil {
		m.now = &content{kind: kind, width: max(1, width), rows: make([]row, length)}
	}
	h := &handle{opened: r, of: m.now, n: len(m.now.rows)}
	switch {
	case o.CopyOnWrite:
		h.mode, h.base, h.version, h.own = copies, slices.Clone(m.now.rows), m.now.version, map[int]row{}
	case o.Shared:
		h.mode = shares
	case o.Write:
		h.mode = writes
	}
	m.open = append(m.open, h)
	m.compare(h, true)
}

// elements returns what a region has to show, and whether all of it is known.
func (h *handle) elements() (rows []row, all bool) {
	if h.mode != copies {
		return h.of.rows[:min(h.n, len(h.of.rows))], h.n <= len(h.of.rows)
	}
	rows = slices.Clone(h.base)
	for i, x := range h.own {
		rows[i] = x
	}
	return rows, h.version == h.of.version
}

// compare compares a region with the model: all of it, or some.
func (m *files) compare(h *handle, all bool) {
	m.t.Helper()
	if h.Len() != h.n || h.Cap() < h.n {
		m.t.Fatalf("mode %d: %d elements, want %d; capacity %d", h.mode, h.Len(), h.n, h.Cap())
	}
	rows, known := h.elements()
	step := 1
	if !all {
		step = 1 + len(rows)/50
	}
	for i := 0; i < len(rows); i += step {
		if _, mine := h.own[i]; h.mode == copies && !known && !mine {
			continue
		}
		if x, err := h.get(i); err != nil || x != rows[i] {
			m.t.Fatalf("mode %d: element %d of %d is %v (%v), want %v", h.mode, i, h.n, x, err, rows[i])
		}
	}
}

// check opens a file that nobody has open, and compares it.
func (m *files) check(path string, kind int, rows []row) {
	m.t.Helper()
	r, err := kinds[kind].open(path, region.FileOptions{})
	if err != nil {
		m.t.Fatal(err)
	}
	m.compare(&handle{opened: r, of: &content{rows: rows}, n: len(rows)}, true)
	expect(m.t, "Close", r.Close())
}

func (m *files) changed(h *handle) {
	h.of.version++
	h.n = len(h.of.rows)
}

func (m *files) append(h *handle) {
	n := 1 + m.p.below(256)*m.p.below(8)
	if h.alone() {
		n = min(n, max(0, mostRows-h.n))
	}
	xs := m.rows(n)
	err := h.add(xs)
	part := h.alone() && n%h.of.width != 0
	expect(m.t, "Append", err, when(h.reader(), typedmem.ErrProtection), when(h.fixed(), typedmem.ErrOperation), when(part, typedmem.ErrBounds),
		when(h.alone() && !part && h.n+n > h.Cap(), typedmem.ErrCapacity))
	if err == nil {
		h.of.rows = append(h.of.rows, xs...)
		m.changed(h)
	}
}

func (m *files) resize(h *handle) {
	n := int(m.p.byte()) * 11
	switch n / 11 {
	case 255:
		n = math.MaxInt
	case 254:
		n = -1
	case 253:
		n = h.n
	}
	size := n < 0 || n == math.MaxInt
	part := h.alone() && !size && n%h.of.width != 0
	err := h.Resize(n)
	expect(m.t, "Resize", err, when(part, typedmem.ErrBounds), when(size, typedmem.ErrSize), when(h.reader() && !size, typedmem.ErrProtection), when(h.fixed() && !size, typedmem.ErrOperation),
		when(h.alone() && !size && !part && n > h.Cap(), typedmem.ErrCapacity))
	if err != nil {
		return
	}
	if n < h.n {
		h.of.rows = slices.Clone(h.of.rows[:n]) // what follows shows in nobody's region
	} else {
		h.of.rows = append(h.of.rows, make([]row, n-h.n)...)
	}
	m.changed(h)
}

func (m *files) set(h *handle) {
	i := m.p.number(h.n)
	x := m.rows(1)[0]
	err := h.set(i, x)
	expect(m.t, "Store", err, when(h.reader(), typedmem.ErrProtection), when(!inRange(i, i, h.n-1), typedmem.ErrBounds))
	switch {
	case err != nil:
	case h.mode == copies:
		h.own[i] = x
	default:
		h.of.rows[i] = x
		h.of.version++
	}
}

func (m *files) refresh(h *handle) {
	n, err := h.Refresh()
	want := h.n
	if h.reader() {
		want = len(h.of.rows)
	}
	capacity := h.reader() && strconv.IntSize == 32 && want > h.Cap()
	expect(m.t, "Refresh", err, when(h.of != m.now && !capacity, typedmem.ErrReplaced), when(capacity, typedmem.ErrCapacity))
	if capacity {
		return
	}
	if n != want {
		m.t.Fatalf("Refresh returns %d, want %d", n, want)
	}
	h.n = n
	m.compare(h, true)
}

// shutdown ends a region, or tries to while it is pinned.
func (m *files) shutdown(h *handle) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if m.p.byte()&1 == 0 {
		expect(m.t, "Shutdown", h.Shutdown(ctx))
		m.closed(h)
		return
	}
	unpin, err := h.Pin()
	testkit.Check(m.t, err)
	expect(m.t, "Close of a pinned region", h.Close(), typedmem.ErrBusy)
	if h.alone() && h.n > 0 {
		expect(m.t, "Resize of a pinned region", h.Resize(h.n-h.of.width), typedmem.ErrBusy)
	}
	expect(m.t, "Shutdown of a pinned region", h.Shutdown(ctx), context.Canceled)
	unpin()
}

func (m *files) close(h *handle) {
	m.compare(h, true)
	expect(m.t, "Close", h.Close())
	m.closed(h)
}

func (m *files) closed(h *handle) {
	expect(m.t, "a second Close", h.Close(), typedmem.ErrClosed)
	expect(m.t, "Snapshot after Close", h.Snapshot(m.path), typedmem.ErrClosed)
	m.open = slices.DeleteFunc(m.open, func(o *handle) bool { return o == h })
}

// replaceable reports whether the system replaces and removes the file now.
func (m *files) replaceable() bool {
	return sys.ReplacesOpenFiles || !slices.ContainsFunc(m.open, func(h *handle) bool { return h.of == m.now })
}

func (m *files) snapshot(h *handle) {
	if m.now != nil {
		err := h.Snapshot(m.path)
		m.named("Snapshot", err, m.path)
		expect(m.t, "Snapshot over a file", err, fs.ErrExist)
	}
	path := filepath.Join(m.dir, "snapshot")
	expect(m.t, "Snapshot", h.Snapshot(path))
	rows, known := h.elements()
	if h.mode != copies || known {
		m.check(path, h.of.kind, rows)
	}
	if m.p.byte()&3 == 0 && m.replaceable() && (h.mode != copies || known) { // it takes the place of the file
		testkit.Check(m.t, os.Rename(path, m.path))
		m.now = &content{kind: h.of.kind, width: h.of.width, rows: slices.Clone(rows)}
		return
	}
	testkit.Check(m.t, os.Remove(path))
}

func (m *files) migrate() {
	how, kind := m.p.byte(), m.p.below(2)
	var convert func(row) row
	next := func(x row) row { return x } // both fields have their names in both types
	if how&1 != 0 {
		next = func(x row) row { return row{x.id + 1, x.x ^ 1} }
		convert = next
	}
	rows := 0
	needed := m.now != nil && m.now.kind != kind
	if needed {
		rows = len(m.now.rows)
	}
	panics := how&6 == 6 && convert != nil && rows > 0
	if panics {
		convert = func(x row) row {
			if rows--; rows == 0 {
				panic("the test's")
			}
			return next(x)
		}
	}
	steps := 0 // all
	if how&24 == 24 {
		steps = 1
	}
	broken := steps == 1 && needed && rows > 0
	var err error
	panicked := func() (p any) {
		defer func() { p = recover() }()
		err = kinds[kind].migrate(m.path, convert, steps)
		return nil
	}()
	m.named("Migrate", err, m.path)
	writer := slices.ContainsFunc(m.open, func(h *handle) bool { return h.of == m.now && h.mode&(writes|shares) != 0 })
	switch {
	case m.now == nil:
		expect(m.t, "Migrate", err, fs.ErrNotExist)
		return
	case !needed:
		expect(m.t, "Migrate of a file of that type", err)
		return
	case writer:
		expect(m.t, "Migrate beside a writer", err, typedmem.ErrBusy)
		return
	case panics:
		if panicked == nil {
			m.t.Fatal("the panic of convert is lost")
		}
		return
	case !broken && !m.replaceable():
		if err == nil {
			m.t.Fatal("a file that is open was replaced")
		}
		return
	}
	expect(m.t, "Migrate", err)
	if broken {
		return
	}
	after := &content{kind: kind, width: m.now.width}
	for _, x := range m.now.rows {
		after.rows = append(after.rows, next(x))
	}
	m.now = after
	if !slices.ContainsFunc(m.open, func(h *handle) bool { return h.of == after }) && m.p.byte()&1 == 0 {
		m.check(m.path, kind, after.rows)
	}
}

// salvage saves what is left of a copy of the file that is cut off.
func (m *files) salvage() {
	kind, at := m.p.below(8)&1, int64(m.p.byte())*int64(m.p.byte())
	damaged, path := filepath.Join(m.dir, "damaged"), filepath.Join(m.dir, "saved")
	if m.now == nil {
		_, _, err := kinds[kind].salvage(m.path, path)
		expect(m.t, "Salvage", err, fs.ErrNotExist)
		return
	}
	whole, err := os.ReadFile(m.path)
	testkit.Check(m.t, err)
	if at > 5000 {
		at += dataStart - 5000
	}
	at = min(at, int64(len(whole)))
	testkit.Check(m.t, os.WriteFile(damaged, whole[:at], 0o600))
	saved, lost, err := kinds[kind].salvage(damaged, path)
	expect(m.t, "Salvage", err, when(at < dataStart, typedmem.ErrTruncated), when(at >= dataStart && kind != m.now.kind, typedmem.ErrLayout))
	if err == nil {
		want := min(len(m.now.rows), int(at-dataStart)/kinds[kind].size)
		want -= want % m.now.width
		if saved != want || lost != len(m.now.rows)-want {
			m.t.Fatalf("%d saved, %d lost, want %d of %d", saved, lost, want, len(m.now.rows))
		}
		m.check(path, kind, m.now.rows[:want])
		testkit.Check(m.t, os.Remove(path))
	}
	testkit.Check(m.t, os.Remove(damaged))
}

// kill ends the process: what the file is now is found by the next one.
func (m *files) kill() {
	var left []byte
	var err error
	if m.now != nil {
		left, err = os.ReadFile(m.path)
		testkit.Check(m.t, err)
	}
	for len(m.open) > 0 {
		m.close(m.open[0])
	}
	if m.now != nil {
		testkit.Check(m.t, os.Remove(m.path))
		testkit.Check(m.t, os.WriteFile(m.path, left, 0o600))
	}
}

func (m *files) remove() {
	if m.now == nil || !m.replaceable() {
		return
	}
	testkit.Check(m.t, os.Remove(m.path))
	m.now = nil
}

// fileSeeds are programs that reach each operation; see files.step.
var fileSeeds = [][]byte{
	// A writer that is killed, and a reader after it.
	{0, 3, 0, 0, 4, 0, 50, 3, 8, 0, 18, 0, 1, 6, 0, 5, 6, 0, 9, 9, 0, 4, 0, 9, 1, 14, 0, 0, 0, 0, 10, 0, 19, 0},
	// Several writers, one alone in between, and kills.
	{0, 7, 0, 3, 0, 5, 0, 0, 0, 1, 0, 0, 7, 0, 9, 7, 1, 8, 4, 0, 1, 1, 6, 0, 1, 8, 1, 18, 1, 1, 14, 0, 1, 0, 0, 4, 0, 7, 7, 0, 5, 0, 0, 14, 0, 5, 0, 0},
	// A reader that follows, a private copy, a pin.
	{0, 3, 0, 3, 0, 0, 0, 0, 0, 8, 0, 0, 7, 2, 5, 18, 2, 1, 4, 0, 200, 7, 10, 1, 18, 1, 1, 7, 0, 3, 6, 0, 4, 18, 1, 1, 10, 1, 11, 0, 1, 11, 0, 0},
	// Migrations: by name, by a function, one that panics, one that is broken off, beside a writer.
	{0, 3, 0, 0x43, 7, 0, 9, 12, 0, 1, 19, 0, 0, 0, 0, 0, 12, 7, 1, 12, 24, 1, 12, 0, 1, 10, 0, 8, 0, 12, 1, 0, 0, 12, 0, 0, 0, 1, 0, 0x43},
	// A snapshot that takes the place of the file, and a file that is removed.
	{0, 3, 0, 2, 0, 0, 0, 0, 18, 0, 0, 8, 0, 10, 1, 0, 0, 0, 0, 15, 10, 1, 8, 0, 12, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0},
	// What is left of a file that was cut off.
	{0, 3, 0, 3, 13, 0, 255, 255, 13, 0, 200, 30, 13, 0, 100, 50, 13, 0, 9, 9, 13, 1, 255, 255, 19, 0, 13, 0, 60, 99},
	// Options that contradict each other, or the file.
	{0, 2, 0, 0, 0, 4, 0, 0, 0, 12, 0, 0, 0, 10, 0, 0, 0, 11, 0, 0, 0, 3, 0, 6, 0, 3, 0, 7, 0, 3, 0, 0x30, 0, 0x73, 0, 0x40, 0, 7, 0, 0, 0, 3, 0, 0x23, 0, 3, 0, 0xc3, 19, 0, 0, 0x80, 1, 0, 0, 0, 0, 0x80, 0, 1, 0, 0xa1},
}
