package fuzz

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
)

// FuzzMapping runs a sequence of operations on a few mappings and on a plain model of them: who
// owns which addresses, with which protection, and what every byte holds. Each operation must
// return what the model says, and leave every mapping as the model says.
//
// Four bytes are an operation: which one, on which mapping, and two numbers.
func FuzzMapping(f *testing.F) {
	f.Add([]byte{opMap, 2, 200, 9, opWrite, 0, 0, 255, opSplit, 0, 1, 0, opProtect, 1, 1, 0, opMerge, 0, 1, 0, opProtect, 1, 2, 0, opMerge, 0, 1, 0, opClose, 0, 0, 0})
	f.Add([]byte{opMap, 42, 3, 40, opResize, 0, 40, 1, opWrite, 0, 0, 255, opResize, 0, 1, 3, opResize, 0, 30, 0, opAdvise, 0, 0, 255, opFlush, 0, 3, 200})
	f.Add([]byte{opMap, 7, 8, 0, opCommit, 0, 0, 0, opSplit, 0, 130, 0, opCommit, 1, 0, 0, opMerge, 0, 1, 0, opPin, 0, 0, 0, opClose, 0, 0, 0, opUnpin, 0, 0, 0})
	f.Add([]byte{opMap, 32, 60, 20, opWrite, 0, 5, 250, opResize, 0, 90, 7, opProtect, 0, 0, 0, opResize, 0, 95, 0, opProtect, 0, 2, 0, opPrefault, 0, 0, 255})
	f.Add([]byte{opMap, 22, 60, 0, opWrite, 0, 5, 250, opAdvise, 0, 10, 200, opSplit, 0, 2, 0, opClose, 0, 0, 0, opLock, 0, 0, 255})
	still := make([]byte, fileUnits*unit)
	for i := range still {
		still[i] = byte(i*11 + i/unit + 1)
	}
	open := func(name string) *os.File {
		file, err := os.Create(filepath.Join(f.TempDir(), name))
		if err != nil {
			f.Fatal(err)
		}
		f.Cleanup(func() { file.Close() })
		if _, err := file.Write(still); err != nil {
			f.Fatal(err)
		}
		return file
	}
	stillOn, sharedOn := open("still"), open("shared")
	f.Fuzz(func(t *testing.T, program []byte) {
		const most = 4 * 64 // operations, so that no input takes long
		if err := sharedOn.Truncate(0); err != nil {
			t.Fatal(err)
		}
		if _, err := sharedOn.WriteAt(still, 0); err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, still: still, stillOn: stillOn, shared: make([]byte, 64*unit), sharedOn: sharedOn}
		copy(w.shared, still)
		for program = program[:min(len(program), most)]; len(program) >= 4; program = program[4:] {
			w.step(program[0], int(program[1]), int(program[2]), int(program[3]))
			w.compare()
		}
		w.end()
	})
}

const (
	opMap = iota
	opCommit
	opProtect
	opSplit
	opMerge
	opResize
	opAdvise
	opFlush
	opClose
	opWrite
	opLock
	opPrefault
	opPin
	opUnpin
	opCount
)

// backing of a mapping.
const (
	private = iota // anonymous
	shared         // anonymous
	privateFile
	sharedFile
	backings
)

var (
	unit    = options.AllocationGranularity()
	page, _ = options.PageSize()
)

// world is the mappings, the model of each, and the files.
type world struct {
	t        *testing.T
	mappings []*model
	still    []byte // the file of private mappings, which nobody writes
	stillOn  *os.File
	shared   []byte // the file of shared mappings, as far as anybody wrote it; zeros follow
	sharedOn *os.File
}

// model is what a mapping should be.
type model struct {
	m          *typedmem.Mapping
	backing    int
	bytes      []byte // of memory that is not shared with a file, up to the capacity
	length     int
	capacity   int // what Cap says
	addr       uintptr
	lead       int // bytes from the start of the first page
	reserved   int // bytes from there that are the mapping's
	offset     int // in the file
	protection flags.Protection
	committed  bool
	room       bool // WithCapacity was called
	jit        bool
	pins       []func()
}

// fileUnits is the length of both files, in units.
const fileUnits = 12

func (w *world) end() {
	for _, x := range w.mappings {
		for _, unpin := range x.pins {
			unpin()
		}
		w.wants("commit", x.m.Commit(), nil)
		x.committed = true
		w.wants("protect", x.m.MakeReadOnly(), nil)
		x.protection = flags.Read
	}
	w.compare()
	for _, x := range w.mappings {
		w.wants("close", x.m.Close(), nil)
	}
}

func (w *world) wants(op string, err, want error) {
	w.t.Helper()
	if want == nil && err != nil || !errors.Is(err, want) {
		w.t.Fatalf("%s: %v; the model says %v", op, err, want)
	}
}

// compare holds every mapping against its model, and the mappings against each other.
func (w *world) compare() {
	w.t.Helper()
	for i, x := range w.mappings {
		if x.m.Addr() != x.addr || x.m.Len() != x.length || x.m.Cap() != x.capacity || x.m.Protection() != x.protection || x.m.Committed() != x.committed {
			w.t.Fatalf("mapping %d: %#x, %d of %d bytes, %v, committed %v; the model says %#x, %d of %d, %v, %v", i,
				x.m.Addr(), x.m.Len(), x.m.Cap(), x.m.Protection(), x.m.Committed(), x.addr, x.length, x.capacity, x.protection, x.committed)
		}
		for _, y := range w.mappings[:i] {
			if x.addr-uintptr(x.lead) < y.addr-uintptr(y.lead)+uintptr(y.reserved) && y.addr-uintptr(y.lead) < x.addr-uintptr(x.lead)+uintptr(x.reserved) {
				w.t.Fatalf("two mappings own the same addresses")
			}
		}
		if x.committed && x.protection.Has(flags.Read) {
			if b := x.m.Bytes(); !bytes.Equal(b, w.view(x)) {
				w.t.Fatalf("mapping %d holds other bytes than its model", i)
			}
		}
	}
}

// view is what the bytes of a mapping should be.
func (w *world) view(x *model) []byte {
	if x.backing == sharedFile {
		return w.shared[x.offset : x.offset+x.length]
	}
	return x.bytes[:x.length]
}

func (x *model) pages(n int) int { return (x.lead + n + page - 1) / page * page }

func (w *world) step(op byte, which, a, b int) {
	op %= opCount
	if op == opMap || len(w.mappings) == 0 {
		w.create(which, a, b)
		return
	}
	i := which % len(w.mappings)
	x := w.mappings[i]
	lo, hi := a*(x.length+1)/256, b*(x.length+1)/256
	var bounds error
	if lo > hi {
		bounds = typedmem.ErrBounds
	}
	uncommitted := func() error {
		if !x.committed {
			return typedmem.ErrOperation
		}
		return nil
	}
	readable := func() error {
		if err := uncommitted(); err != nil {
			return err
		}
		if !x.protection.Has(flags.Read) {
			return typedmem.ErrProtection
		}
		return nil
	}
	switch op {
	case opCommit:
		w.wants("commit", x.m.Commit(), nil)
		x.committed = true
	case opProtect:
		w.protect(x, a)
	case opSplit:
		w.split(i, a, b)
	case opMerge:
		w.merge(i, a%len(w.mappings))
	case opResize:
		w.resize(x, a*page/4+b)
	case opAdvise:
		advice := flags.WillNeed | flags.Sequential
		if which&1 == 0 && runtime.GOOS == "linux" { // elsewhere what is dropped differs
			advice = flags.DontNeed
		}
		want := first(bounds, uncommitted())
		w.wants("advise", x.m.Advise(lo, hi, advice), want)
		if want == nil && advice == flags.DontNeed {
			w.drop(x, lo, hi)
		}
	case opFlush:
		flush := x.m.Flush
		if which&1 == 0 {
			flush = x.m.FlushAsync
		}
		w.wants("flush", flush(lo, hi), first(bounds, uncommitted()))
	case opLock:
		want := first(bounds, readable())
		w.wants("lock", x.m.LockRange(lo, hi), want)
		w.wants("unlock", x.m.UnlockRange(lo, hi), first(bounds, uncommitted()))
	case opPrefault:
		w.wants("prefault", x.m.Prefault(lo, hi), first(bounds, readable()))
	case opWrite:
		if lo > hi || !x.committed || !x.protection.Has(flags.Read|flags.Write) {
			return
		}
		memory, view := x.m.Bytes(), w.view(x)
		for j := lo; j < hi; j++ {
			memory[j], view[j] = byte(j*5+which+a), byte(j*5+which+a)
		}
	case opPin:
		unpin, err := x.m.Pin()
		w.wants("pin", err, nil)
		x.pins = append(x.pins, unpin)
	case opUnpin:
		if n := len(x.pins); n > 0 {
			x.pins[n-1]()
			x.pins = x.pins[:n-1]
		}
	case opClose:
		want := x.busy()
		w.wants("close", x.m.Close(), want)
		if want == nil {
			w.wants("second close", x.m.Close(), typedmem.ErrClosed)
			w.mappings = append(w.mappings[:i:i], w.mappings[i+1:]...)
		}
	}
}

func (x *model) busy() error {
	if len(x.pins) > 0 {
		return typedmem.ErrBusy
	}
	return nil
}

func first(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

// create maps: which tells the terminal and the backing, a and b size, capacity and offset.
func (w *world) create(which, a, b int) {
	if len(w.mappings) >= 6 {
		return
	}
	x := &model{backing: which / 10 % backings, length: a * page / 16, jit: b&1 == 1}
	if x.backing >= privateFile {
		x.length = min(x.length, 8*unit)
		x.offset = b % 4 * 24
		if b&16 != 0 {
			x.offset += unit
		}
	}
	o := options.New(x.length)
	if b&8 != 0 {
		x.room = true
		o = o.WithCapacity(x.length + unit*3)
	}
	if x.jit {
		o = o.WithUnsafeFlags(flags.JIT)
	}
	switch x.backing {
	case shared:
		o = o.WithFlags(flags.Shared)
	case privateFile:
		o = o.WithFile(w.stillOn, int64(x.offset))
	case sharedFile:
		o = o.WithFile(w.sharedOn, int64(x.offset)).WithFlags(flags.Shared)
	}
	terminals := []func(options.Options) (*typedmem.Mapping, error){
		options.Options.MapNone, options.Options.Map, options.Options.MapMut, options.Options.MapExec, options.Options.MapExecMut,
		options.Options.ReserveNone, options.Options.Reserve, options.Options.ReserveMut, options.Options.ReserveExec, options.Options.ReserveExecMut,
	}
	kind := which % len(terminals)
	if runtime.GOOS == "windows" && x.backing >= privateFile && kind%5 >= 3 {
		return // the files were not opened for execution
	}
	x.committed, x.protection = kind < 5, protections[kind%5]
	m, err := terminals[kind](o)
	var want error
	switch {
	case x.length == 0 && (!x.room || !x.committed):
		want = typedmem.ErrSize
	case kind%5 == 4 && !x.jit:
		want = typedmem.ErrUnsafeFlag
	}
	w.wants("map", err, want)
	if want != nil {
		return
	}
	x.m, x.addr = m, m.Addr()
	x.lead = x.offset % unit
	most := x.length
	if x.room {
		most += 3 * unit
	}
	x.reserved = (x.lead + most + unit - 1) / unit * unit
	x.capacity = x.reserved - x.lead
	if x.backing >= privateFile && !x.room {
		x.capacity = x.length
	}
	if x.backing != sharedFile {
		x.bytes = make([]byte, x.reserved-x.lead)
		if x.backing == privateFile {
			copy(x.bytes, w.still[x.offset:])
		}
	}
	w.mappings = append(w.mappings, x)
}

var protections = [5]flags.Protection{flags.None, flags.Read, flags.Read | flags.Write, flags.Read | flags.Execute, flags.Read | flags.Write | flags.Execute}

func (w *world) protect(x *model, a int) {
	change := []func() error{x.m.MakeNone, x.m.MakeReadOnly, x.m.MakeMut, x.m.MakeExec, x.m.MakeExecMut}[a%5]
	if runtime.GOOS == "windows" && x.backing >= privateFile && a%5 >= 3 {
		return
	}
	var want error
	if a%5 == 4 && !x.jit {
		want = typedmem.ErrUnsafeFlag
	}
	w.wants("protect", change(), want)
	if want == nil {
		x.protection = protections[a%5]
	}
}

func (w *world) split(i, a, b int) {
	x := w.mappings[i]
	at := a%16*page - x.lead
	if b&2 != 0 {
		at += b
	}
	want := x.busy()
	if want == nil && (at <= 0 || at >= x.length || (x.lead+at)%page != 0) {
		want = typedmem.ErrOffset
	}
	if runtime.GOOS == "windows" && x.backing >= privateFile && want == nil {
		return // a view is cut at multiples of the granularity, by other rules
	}
	var y *typedmem.Mapping
	var err error
	off := b&1 == 0
	if off {
		y, err = x.m.SplitOff(at)
	} else {
		y, err = x.m.SplitTo(at)
	}
	w.wants("split", err, want)
	if want != nil {
		return
	}
	right := *x
	right.addr, right.offset, right.length = x.addr+uintptr(at), x.offset+at, x.length-at
	right.lead, right.reserved, right.pins = 0, x.reserved-x.lead-at, nil
	right.capacity = right.reserved
	x.length, x.reserved = at, x.lead+at
	x.capacity = at
	if x.backing >= privateFile && !x.room {
		right.capacity = right.length
	}
	if x.backing != sharedFile {
		right.bytes = append([]byte(nil), x.bytes[at:]...)
		x.bytes = x.bytes[:at:at]
	}
	if off {
		right.m = y
	} else {
		x.m, right.m = y, x.m
	}
	w.mappings = append(w.mappings, &right)
}

func (w *world) merge(i, j int) {
	x, y := w.mappings[i], w.mappings[j]
	var want error
	switch {
	case i == j:
		want = typedmem.ErrNotAdjacent
	case x.busy() != nil || y.busy() != nil:
		want = typedmem.ErrBusy
	case x.addr+uintptr(x.length) != y.addr || x.lead+x.length != x.reserved || y.lead != 0:
		want = typedmem.ErrNotAdjacent
	case x.protection != y.protection || x.committed != y.committed || (x.backing == shared || x.backing == sharedFile) != (y.backing == shared || y.backing == sharedFile) || x.jit != y.jit:
		want = typedmem.ErrAttributeMismatch
	case x.backing != y.backing || x.backing >= privateFile && x.offset+x.length != y.offset:
		want = typedmem.ErrBackingMismatch
	}
	w.wants("merge", x.m.Merge(y.m), want)
	if want != nil {
		return
	}
	w.wants("the spent half", y.m.Flush(0, 0), typedmem.ErrClosed)
	if x.backing != sharedFile {
		x.bytes = append(x.bytes[:x.length:x.length], y.bytes...)
	}
	x.length += y.length
	x.reserved += y.reserved
	x.room = x.room || y.room
	x.capacity = x.reserved - x.lead
	if x.backing >= privateFile && !x.room {
		x.capacity = x.length
	}
	w.mappings = append(w.mappings[:j:j], w.mappings[j+1:]...)
}

func (w *world) resize(x *model, n int) {
	keep := x.pages(n)
	file := x.backing >= privateFile
	var want error
	switch {
	case !x.committed:
		want = typedmem.ErrOperation
	case n > x.capacity:
		want = typedmem.ErrCapacity
	case n < x.length && len(x.pins) > 0:
		want = typedmem.ErrBusy
	case n < x.length && !file && keep > x.lead+n && !x.protection.Has(flags.Write):
		want = typedmem.ErrProtection
	case n > x.length && file && !(x.backing == sharedFile && x.protection.Has(flags.Write)):
		if size := w.size(x); x.offset+n > size {
			want = typedmem.ErrTruncated
		}
	}
	w.wants("resize", x.m.Resize(n), want)
	if want != nil {
		return
	}
	if n < x.length {
		switch x.backing {
		case private, shared:
			clear(x.bytes[n:])
		case privateFile: // whole pages go; what is left of the last one keeps its private bytes
			from := min(keep-x.lead, len(x.bytes))
			clear(x.bytes[from:])
			copy(x.bytes[from:], w.still[x.offset+from:])
		}
	}
	x.length = n
	if file && !x.room {
		x.capacity = n
	}
}

// size is the length of the mapping's file now.
func (w *world) size(x *model) int {
	f := w.stillOn
	if x.backing == sharedFile {
		f = w.sharedOn
	}
	info, err := f.Stat()
	if err != nil {
		w.t.Fatal(err)
	}
	return int(info.Size())
}

// drop is DontNeed: private pages that hold no byte outside the range go back to what is behind
// them.
func (w *world) drop(x *model, lo, hi int) {
	from := (x.lead+lo+page-1)/page*page - x.lead
	to := (x.lead+hi)/page*page - x.lead
	if lo == 0 {
		from = 0
	}
	if from >= to {
		return
	}
	switch x.backing {
	case private:
		clear(x.bytes[from:to])
	case privateFile:
		copy(x.bytes[from:to], w.still[x.offset+from:])
	}
}
