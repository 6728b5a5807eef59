package rows

import (
	"bufio"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/region"
)

func recBytes(s []Rec) []byte {
	// SAFETY: the bytes of the records, which have no pointers.
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(Rec{})))
}

// into creates a file, writes it, and syncs it where asked.
func into(path string, sync bool, write func(f *os.File) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil && sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func saveRegion(path string, s []Rec) error {
	r, err := region.Create[Rec](path, 0)
	if err != nil {
		return err
	}
	return errors.Join(r.Append(s...), r.Sync(), r.Close())
}

func saveGob(f *os.File, s []Rec) error {
	w := bufio.NewWriterSize(f, 1<<20)
	e := gob.NewEncoder(w)
	for len(s) > 0 { // in pieces: gob refuses messages of a gigabyte
		k := min(len(s), 1<<16)
		if err := e.Encode(s[:k]); err != nil {
			return err
		}
		s = s[k:]
	}
	return w.Flush()
}

func saveBinary(f *os.File, s []Rec) error {
	w := bufio.NewWriterSize(f, 1<<20)
	for len(s) > 0 {
		k := min(len(s), 1<<16)
		if err := binary.Write(w, binary.LittleEndian, s[:k]); err != nil {
			return err
		}
		s = s[k:]
	}
	return w.Flush()
}

func writeAll(f *os.File, s []Rec) error {
	for b := recBytes(s); len(b) > 0; {
		n, err := unix.Write(int(f.Fd()), b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

const bytesPerRec = int(unsafe.Sizeof(Rec{}))

func saveRow(name string, disk, sync bool) harness.Row {
	one := func(name, lib string, do func(path string, s []Rec) error) harness.Case {
		return harness.Case{Name: name, Lib: lib, Setup: func(e *harness.Env) (harness.Bench, error) {
			m := memory[Rec]{e.Size(1<<30, 32<<20) / bytesPerRec, recOf}
			s, err := harness.Keep(e, "heap", func() ([]Rec, func() error, error) { return m.heap(), func() error { return nil }, nil })
			path := filepath.Join(e.Fast, "save")
			if disk {
				path = filepath.Join(e.Disk, "save")
			}
			remove := func() error {
				if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
					return err
				}
				return nil
			}
			return harness.Bench{Ops: m.n, Once: true, Reset: remove, Close: remove, Run: func(int) error { return do(path, s) }}, err
		}}
	}
	file := func(write func(*os.File, []Rec) error) func(string, []Rec) error {
		return func(path string, s []Rec) error {
			return into(path, sync, func(f *os.File) error { return write(f, s) })
		}
	}
	return harness.Row{Name: name, Unit: "record", Floor: "write(2)", Cases: []harness.Case{
		one("write(2)", "", file(writeAll)),
		one("region: Create, Append, Sync, Close", harness.Ours, saveRegion),
		one("os.WriteFile of raw bytes", "Go", func(path string, s []Rec) error {
			if !sync {
				return os.WriteFile(path, recBytes(s), 0o666)
			}
			return into(path, true, func(f *os.File) error { _, err := f.Write(recBytes(s)); return err })
		}),
		one("encoding/binary", "Go", file(saveBinary)),
		one("encoding/gob", "Go", file(saveGob)),
	}}
}

func loadRow() harness.Row {
	one := func(name, lib string, save func(path string, s []Rec) error, load func(path string, n int) (uint64, error)) harness.Case {
		return harness.Case{Name: name, Lib: lib, Setup: func(e *harness.Env) (harness.Bench, error) {
			m := memory[Rec]{e.Size(1<<30, 32<<20) / bytesPerRec, recOf}
			path := filepath.Join(e.Fast, "load")
			want := func() uint64 { s := m.heap(); return sumRecSlice(s) }()
			if err := save(path, m.heap()); err != nil {
				return harness.Bench{}, err
			}
			return harness.Bench{Ops: m.n, Once: true, Bytes: m.bytes(), Close: func() error { return os.Remove(path) }, Run: func(int) error {
				got, err := load(path, m.n)
				if err == nil && got != want {
					err = errors.New("what was loaded is not what was saved")
				}
				return err
			}}, nil
		}}
	}
	raw := func(path string, s []Rec) error { return os.WriteFile(path, recBytes(s), 0o666) }
	file := func(write func(*os.File, []Rec) error) func(string, []Rec) error {
		return func(path string, s []Rec) error {
			return into(path, false, func(f *os.File) error { return write(f, s) })
		}
	}
	ours := func(sum func(r *region.Region[Rec]) uint64) func(path string, n int) (uint64, error) {
		return func(path string, _ int) (uint64, error) {
			r, err := region.Open[Rec](path)
			if err != nil {
				return 0, err
			}
			x := sum(r)
			return x, r.Close()
		}
	}
	return harness.Row{Name: "load 1 GiB of records and add them up", Unit: "record", Floor: "read(2) into a slice", Own: true, Cases: []harness.Case{
		one("read(2) into a slice", "", raw, func(path string, n int) (uint64, error) {
			f, err := os.Open(path)
			if err != nil {
				return 0, err
			}
			defer f.Close()
			s := make([]Rec, n)
			for b := recBytes(s); len(b) > 0; {
				k, err := unix.Read(int(f.Fd()), b)
				if err != nil || k == 0 {
					return 0, errors.Join(err, errors.New("short file"))
				}
				b = b[k:]
			}
			return sumRecSlice(s), nil
		}),
		one("region: Open, Slice, Close", harness.Ours, saveRegion, ours(func(r *region.Region[Rec]) uint64 { return sumRecSlice(r.Slice()) })),
		one("region: Open, At, Close", harness.Ours, saveRegion, ours(func(r *region.Region[Rec]) uint64 { return sumRecAt(r.View()) })),
		one("os.ReadFile", "Go", raw, func(path string, _ int) (uint64, error) {
			b, err := os.ReadFile(path)
			return sumRecSlice(view[Rec](b)), err
		}),
		one("encoding/binary", "Go", file(saveBinary), func(path string, n int) (uint64, error) {
			f, err := os.Open(path)
			if err != nil {
				return 0, err
			}
			defer f.Close()
			s := make([]Rec, n)
			b := bufio.NewReaderSize(f, 1<<20)
			for rest := s; len(rest) > 0; {
				k := min(len(rest), 1<<16)
				if err := binary.Read(b, binary.LittleEndian, rest[:k]); err != nil {
					return 0, err
				}
				rest = rest[k:]
			}
			return sumRecSlice(s), nil
		}),
		one("encoding/gob", "Go", file(saveGob), func(path string, n int) (uint64, error) {
			f, err := os.Open(path)
			if err != nil {
				return 0, err
			}
			defer f.Close()
			d := gob.NewDecoder(bufio.NewReaderSize(f, 1<<20))
			s := make([]Rec, 0, n)
			for len(s) < n {
				var part []Rec
				if err := d.Decode(&part); err != nil {
					return 0, err
				}
				s = append(s, part...)
			}
			return sumRecSlice(s), nil
		}),
	}}
}

func saveRows() []harness.Row {
	return []harness.Row{
		saveRow("save 1 GiB of records, in memory", false, false),
		saveRow("save 1 GiB of records, to disk, synced", true, true),
		loadRow(),
	}
}
