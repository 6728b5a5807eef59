package region_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

func create[T any](t *testing.T, path string) *region.Region[T] {
	t.Helper()
	r, err := region.Create[T](path, 0)
	testkit.Wants(t, "Create", err, nil)
	return r
}

func open[T any](t *testing.T, path string) *region.Region[T] {
	t.Helper()
	r, err := region.Open[T](path)
	testkit.Wants(t, "Open", err, nil)
	return r
}

func TestFileKeepsWhatWasWritten(t *testing.T) {
	testenv.PartialPages(t)
	path := filepath.Join(t.TempDir(), "r")
	r, err := region.Create[pair](path, 3)
	testkit.Wants(t, "Create", err, nil)
	testkit.Wants(t, "Append", r.Append(pair{4, 4}, pair{5, 5}), nil)
	r.Set(1, pair{1, 2})
	testkit.Wants(t, "Flush", r.Flush(), nil)
	testkit.Wants(t, "FlushRange", r.FlushRange(1, 2), nil)
	for _, bad := range [][2]int{{-1, 1}, {2, 1}, {0, 6}, {6, 6}} {
		testkit.Wants(t, "FlushRange", r.FlushRange(bad[0], bad[1]), typedmem.ErrBounds)
		testkit.Wants(t, "Prefault", r.Prefault(bad[0], bad[1]), typedmem.ErrBounds)
	}
	testkit.Wants(t, "Prefault", r.Prefault(0, 5), nil)
	testkit.Wants(t, "Sync", r.Sync(), nil)
	testkit.Wants(t, "Close", r.Close(), nil)
	want := []pair{{}, {1, 2}, {}, {4, 4}, {5, 5}}

	r = open[pair](t, path)
	if got := slices.Collect(r.Values()); !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	testkit.Wants(t, "Store", r.Store(0, pair{}), typedmem.ErrProtection)
	testkit.Wants(t, "Append", r.Append(pair{}), typedmem.ErrProtection)
	testkit.Wants(t, "Resize", r.Resize(0), typedmem.ErrProtection)
	_, err = r.SplitOff(1)
	testkit.Wants(t, "SplitOff", err, typedmem.ErrOperation)
	testkit.Wants(t, "Close", r.Close(), nil)

	r, err = region.OpenMut[pair](path)
	testkit.Wants(t, "OpenMut", err, nil)
	testkit.Wants(t, "Resize", r.Resize(2), nil)
	testkit.Wants(t, "Resize", r.Resize(4), nil)
	want = []pair{{}, {1, 2}, {}, {}}
	if got := slices.Collect(r.Values()); !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	testkit.Wants(t, "Close", r.Close(), nil)
	_, err = region.Create[pair](path, 0)
	testkit.Wants(t, "Create over a file", err, fs.ErrExist)
	_, err = region.Open[pair](path + "x")
	testkit.Wants(t, "Open of nothing", err, fs.ErrNotExist)
	_, err = region.Open[pair](filepath.Dir(path))
	testkit.Wants(t, "Open of a folder", err, typedmem.ErrOperation)
}

func TestOpenFileTakesACapacityInElements(t *testing.T) {
	testenv.PartialPages(t)
	path := filepath.Join(t.TempDir(), "r")
	page, _ := options.PageSize()
	r, err := region.OpenFile[uint64](path, region.FileOptions{Write: true, Create: true, Len: 1, Capacity: page / 2})
	testkit.Wants(t, "OpenFile", err, nil)
	if r.Len() != 1 || r.Cap() < page/2 || r.Cap() > max(page, sys.Granularity()/8) {
		t.Errorf("%d elements, a capacity of %d, %d were asked for", r.Len(), r.Cap(), page/2)
	}
	testkit.Wants(t, "Append past the capacity", r.Append(make([]uint64, r.Cap())...), typedmem.ErrCapacity)
	testkit.Wants(t, "Close", r.Close(), nil)
	r, err = region.OpenFile[uint64](path, region.FileOptions{Write: true, Flags: flags.Populate, Capacity: 1 << 17})
	testkit.Wants(t, "OpenFile", err, nil)
	testkit.Wants(t, "Append", r.Append(make([]uint64, 4*page/8)...), nil)
	testkit.Wants(t, "Close", r.Close(), nil)
}

// Create sets aside as much as Open does, for files of any size.
func TestCreateSetsAsideByTheSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	r, err := region.Create[uint64](path, 1<<18)
	testkit.Wants(t, "Create", err, nil)
	made := r.Cap()
	testkit.Wants(t, "Close", r.Close(), nil)
	r, err = region.OpenMut[uint64](path)
	testkit.Wants(t, "OpenMut", err, nil)
	if made < 1<<18 || r.Cap() < made/4 || made < r.Cap()/4 { // by what else is mapped
		t.Errorf("a capacity of %d elements after Create, %d after OpenMut", made, r.Cap())
	}
	testkit.Wants(t, "Close", r.Close(), nil)
}

func TestAnotherTypeIsShownFieldByField(t *testing.T) {
	type old struct {
		ID    uint64
		Price float32
		Count uint32
	}
	type changed struct {
		ID    uint64
		Price float64
		Extra uint64
	}
	path := filepath.Join(t.TempDir(), "r")
	testkit.Wants(t, "Close", create[old](t, path).Close(), nil)
	before, err := os.ReadFile(path)
	testkit.Wants(t, "read", err, nil)
	_, err = region.Open[changed](path)
	testkit.Wants(t, "Open", err, typedmem.ErrLayout, path, "Price: the file has float32 at byte 8 (4 bytes), the type has float64 at byte 8 (8 bytes)",
		"Count: the file has uint32", "Extra: the file has no such field")
	_, err = region.OpenMut[changed](path)
	testkit.Wants(t, "OpenMut", err, typedmem.ErrLayout)
	_, err = region.Open[pair](path)
	testkit.Wants(t, "Open", err, typedmem.ErrLayout)
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Fatal("the file was changed")
	}
}

// rawFile makes a file of n bytes, byte i of which is i.
func rawFile(t *testing.T, n int) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "raw"))
	testkit.Wants(t, "a file", err, nil)
	t.Cleanup(func() { f.Close() })
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	_, err = f.Write(b)
	testkit.Wants(t, "a file", err, nil)
	return f
}

func TestRawFilesAtAnyOffset(t *testing.T) {
	f := rawFile(t, 9000)
	for _, offset := range []int64{0, 1, 4, 8, 16, 4095, 4096, 4100, 8192, 8984} {
		r, err := region.Map[uint64](options.New(16).WithFile(f, offset))
		testkit.Wants(t, fmt.Sprintf("Map at %d", offset), err, testkit.Cond(offset%8 == 0, nil, typedmem.ErrOffset))
		b, errB := region.Map[byte](options.New(16).WithFile(f, offset))
		testkit.Wants(t, fmt.Sprintf("Map of bytes at %d", offset), errB, nil)
		if b.Len() != 16 || b.At(0) != byte(offset) || b.At(15) != byte(offset+15) {
			t.Fatalf("at %d: %v", offset, b.Slice())
		}
		testkit.Wants(t, "Close", b.Close(), nil)
		if err == nil {
			first, err := r.View().Bytes().Sub(0, 1)
			testkit.Wants(t, "Sub", err, nil)
			if r.Len() != 2 || first.At(0) != byte(offset) {
				t.Fatalf("at %d: %v", offset, r.Slice())
			}
			testkit.Wants(t, "Close", r.Close(), nil)
		}
	}
	for _, c := range [][2]int{{9001, 0}, {1, 9000}, {16, 8985}, {8, 1 << 30}} {
		_, err := region.Map[byte](options.New(c[0]).WithFile(f, int64(c[1])))
		testkit.Wants(t, fmt.Sprint("Map of ", c), err, typedmem.ErrTruncated)
		_, err = region.MapMut[byte](options.New(c[0]).WithFile(f, int64(c[1])).WithFlags(flags.Shared))
		testkit.Wants(t, fmt.Sprint("MapMut of ", c), err, typedmem.ErrTruncated)
	}
	_, err := region.Map[byte](options.New(16).WithFile(f, -8))
	testkit.Wants(t, "Map", err, typedmem.ErrOffset)
	r, err := region.Map[uint32](options.New(11).WithFile(f, 8))
	testkit.Wants(t, "Map", err, nil)
	if r.Len() != 2 {
		t.Fatalf("%d elements of 4 in 11 bytes", r.Len())
	}
	testkit.Wants(t, "Close", r.Close(), nil)
}

func TestEmptyFiles(t *testing.T) {
	f := rawFile(t, 0)
	r, err := region.MapMut[uint32](options.New(0).WithFile(f, 0).WithFlags(flags.Shared).WithCapacity(1 << 16))
	testkit.Wants(t, "MapMut of an empty file", err, nil)
	if r.Len() != 0 {
		t.Fatalf("%d elements", r.Len())
	}
	testkit.Wants(t, "Append", r.Append(1, 2, 3), nil)
	testkit.Wants(t, "Sync", r.Sync(), nil)
	b := make([]byte, 12)
	if _, err := f.ReadAt(b, 0); err != nil || b[0]|b[3] != 1 {
		t.Fatalf("% x, %v", b, err)
	}
	testkit.Wants(t, "Close", r.Close(), nil)
	path := filepath.Join(t.TempDir(), "r")
	e := create[uint32](t, path)
	if e.Len() != 0 || e.View().Len() != 0 {
		t.Fatal("not empty")
	}
	testkit.Wants(t, "Sync", e.Sync(), nil)
	testkit.Wants(t, "Close", e.Close(), nil)
	e = open[uint32](t, path)
	_, err = e.Load(0)
	testkit.Wants(t, "Load", err, typedmem.ErrBounds)
	testkit.Wants(t, "Store", e.Store(0, 1), typedmem.ErrProtection)
	testkit.Wants(t, "Close", e.Close(), nil)
}

func TestPrivateMemoryLeavesTheFile(t *testing.T) {
	f := rawFile(t, 4096)
	r, err := region.MapMut[byte](options.New(4096).WithFile(f, 0))
	testkit.Wants(t, "MapMut", err, nil)
	v := r.View()
	v.Fill(200)
	testkit.Wants(t, "Sync", r.Sync(), nil)
	b := make([]byte, 4096)
	_, err = f.ReadAt(b, 0)
	testkit.Wants(t, "ReadAt", err, nil)
	if b[7] != 7 || r.At(7) != 200 {
		t.Fatalf("the file has %d, the region %d", b[7], r.At(7))
	}
	testkit.Wants(t, "Close", r.Close(), nil)
}

func TestSharedViewShowsWritesToTheFile(t *testing.T) {
	if runtime.GOOS == "openbsd" {
		t.Skip("no unified buffer cache")
	}
	f := rawFile(t, 4096)
	r, err := region.Map[byte](options.New(4096).WithFile(f, 0).WithFlags(flags.Shared))
	testkit.Wants(t, "Map", err, nil)
	defer r.Close()
	v := r.View()
	for i := range 100 {
		_, err := f.WriteAt([]byte{byte(200 - i)}, int64(i))
		testkit.Wants(t, "WriteAt", err, nil)
		if v.At(i) != byte(200-i) {
			t.Fatalf("byte %d is %d after WriteAt of %d", i, v.At(i), 200-i)
		}
	}
	testkit.Wants(t, "Store", v.Store(0, 1), typedmem.ErrProtection)
}

// roles are what the test program does as the other process of a test.
var roles = map[string]func(path string) int{"writer": childWriter, "reader": childReader}

// TestMain runs the other process of a test when the environment asks for it.
func TestMain(m *testing.M) {
	if run := roles[os.Getenv("TYPEDMEM_ROLE")]; run != nil {
		os.Exit(run(os.Getenv("TYPEDMEM_REGION")))
	}
	os.Exit(m.Run())
}

// child starts the test program in a role.
func child(t *testing.T, role, path string) (cmd *exec.Cmd, in io.WriteCloser, out *bufio.Scanner) {
	t.Helper()
	testenv.Processes(t)
	self, err := os.Executable()
	testkit.Wants(t, "Executable", err, nil)
	cmd = exec.Command(self)
	cmd.Env = append(os.Environ(), "TYPEDMEM_ROLE="+role, "TYPEDMEM_REGION="+path)
	cmd.Stderr = os.Stderr
	in, err = cmd.StdinPipe()
	testkit.Wants(t, "pipe", err, nil)
	o, err := cmd.StdoutPipe()
	testkit.Wants(t, "pipe", err, nil)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, in, bufio.NewScanner(o)
}

const childTotal = 20000

// childWriter appends elements, some at a time, and keeps the region open until its input ends or
// it is killed.
func childWriter(path string) int {
	r, err := region.OpenMut[pair](path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("open")
	for n := r.Len(); n < childTotal; n = r.Len() {
		xs := make([]pair, min(1+n%13, childTotal-n))
		for i := range xs {
			xs[i] = pair{uint64(n + i), ^uint64(n + i)}
		}
		if err := r.Append(xs...); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	fmt.Println("done")
	io.Copy(io.Discard, os.Stdin)
	if err := r.Close(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// childReader follows the file to the last element.
func childReader(path string) int {
	r, err := region.Open[pair](path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if err := follow(r); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("followed")
	return 0
}

// follow checks every element as it appears.
func follow(r *region.Region[pair]) error {
	for seen := r.Len(); ; {
		n, err := r.Refresh()
		if err != nil || n < seen || n != r.Len() {
			return fmt.Errorf("Refresh gives %d after %d, Len %d: %w", n, seen, r.Len(), errors.Join(err))
		}
		for i := range n - seen {
			if x := r.At(seen + i); x != (pair{uint64(seen + i), ^uint64(seen + i)}) {
				return fmt.Errorf("element %d of %d is %v", seen+i, n, x)
			}
		}
		if seen = n; n == childTotal {
			return nil
		}
		runtime.Gosched()
	}
}

// TestReadersFollowAWriter: one process appends, two and this one follow.
func TestReadersFollowAWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	testkit.Wants(t, "Close", create[pair](t, path).Close(), nil)
	here := open[pair](t, path)
	defer here.Close()
	var readers []*bufio.Scanner
	var cmds []*exec.Cmd
	for range 2 {
		cmd, _, out := child(t, "reader", path)
		readers, cmds = append(readers, out), append(cmds, cmd)
	}
	writer, in, out := child(t, "writer", path)
	testkit.Wants(t, "following", follow(here), nil)
	for i, r := range readers {
		if !r.Scan() || r.Text() != "followed" {
			t.Errorf("a reader says %q", r.Text())
		}
		testkit.Wants(t, "a reader", cmds[i].Wait(), nil)
	}
	expectLines(t, out, "open", "done")
	in.Close()
	testkit.Wants(t, "the writer", writer.Wait(), nil)
	if n, err := here.Refresh(); n != childTotal || err != nil {
		t.Errorf("%d elements after the writer closed, %v", n, err)
	}
}

func expectLines(t *testing.T, out *bufio.Scanner, lines ...string) {
	t.Helper()
	for _, want := range lines {
		if !out.Scan() || out.Text() != want {
			t.Fatalf("the other process says %q, want %q", out.Text(), want)
		}
	}
}

// TestOneWriterAtATime: a second writer is told who has the file. When the first is killed the file
// is free, with the published elements.
func TestOneWriterAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	testkit.Wants(t, "Close", create[pair](t, path).Close(), nil)
	writer, _, out := child(t, "writer", path)
	expectLines(t, out, "open", "done")
	_, err := region.OpenMut[pair](path)
	testkit.Wants(t, "a second writer", err, typedmem.ErrBusy, fmt.Sprint("process ", writer.Process.Pid))
	reader := open[pair](t, path)
	if reader.Len() != childTotal {
		t.Errorf("a reader beside the writer sees %d elements", reader.Len())
	}
	testkit.Wants(t, "kill", writer.Process.Kill(), nil)
	_ = writer.Wait() // it was killed
	r, err := region.OpenMut[pair](path)
	testkit.Wants(t, "OpenMut after the writer was killed", err, nil)
	if r.Len() != childTotal || r.At(childTotal-1).A != childTotal-1 {
		t.Errorf("%d elements after the writer was killed", r.Len())
	}
	_, err = region.OpenMut[pair](path)
	testkit.Wants(t, "a second writer in this process", err, typedmem.ErrBusy, fmt.Sprint("process ", os.Getpid()))
	testkit.Wants(t, "Append", r.Append(pair{childTotal, 1}), nil)
	if n, err := reader.Refresh(); n != childTotal+1 || err != nil || reader.At(childTotal).B != 1 {
		t.Errorf("a reader sees %d elements, %v", n, err)
	}
	testkit.Wants(t, "Resize", r.Resize(10), nil)
	old := reader.View()
	if n, err := reader.Refresh(); n != 10 || err != nil {
		t.Errorf("a reader sees %d elements, %v", n, err)
	}
	_, cutOff := old.Load(20)
	testkit.Wants(t, "an old view of the reader", cutOff, typedmem.ErrBounds)
	testkit.Wants(t, "a write to it", old.Store(20, pair{}), typedmem.ErrProtection)
	testkit.Wants(t, "Close", r.Close(), nil)
	testkit.Wants(t, "Close", reader.Close(), nil)
	if strings.Contains(fmt.Sprint(err), "\n") {
		t.Errorf("the refusal takes more than a line: %v", err)
	}
}

// A refused write says what to do: open the file with OpenMut, or for other memory change the
// protection of its Mapping.
func TestARefusalToWriteSaysWhatToDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	w, err := region.Create[uint64](path, 3)
	testkit.Wants(t, "Create", err, nil)
	testkit.Wants(t, "Close", w.Close(), nil)
	opened, err := region.Open[uint64](path)
	testkit.Wants(t, "Open", err, nil)
	defer opened.Close()
	raw, err := region.Map[uint64](options.New(24))
	testkit.Wants(t, "Map", err, nil)
	defer raw.Close()
	for r, words := range map[*region.Region[uint64]]string{
		opened: "the file was opened for reading; use OpenMut",
		raw:    "not writable (protection Read); call MakeMut of its Mapping",
	} {
		col, err := r.View().Every(0, 3, 2)
		testkit.Wants(t, "Every", err, nil)
		for name, err := range map[string]error{
			"Store": r.Store(0, 1), "Append": r.Append(1), "Resize": r.Resize(1), "Set": testkit.Caught(t, func() { r.Set(0, 1) }), "View.Store": r.View().Store(0, 1),
			"Strided.Store": col.Store(0, 1), "Fill": testkit.Caught(t, func() { r.View().Fill(1) }),
		} {
			testkit.Wants(t, name, err, typedmem.ErrProtection, words)
		}
		testkit.Wants(t, "a read-only view", r.View().ReadOnly().Store(0, 1), typedmem.ErrProtection, "the view is read-only")
	}
}
