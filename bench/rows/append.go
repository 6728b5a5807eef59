package rows

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/dgraph-io/ristretto/v2/z"
	"github.com/itsmontoya/mappedslice"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/region"
)

//go:noinline
func appendHeap(n int) []uint64 {
	var s []uint64
	for i := range n {
		s = append(s, uint64(i))
	}
	return s
}

//go:noinline
func appendRegion(r *region.Region[uint64], n int) error {
	for i := range n {
		if err := r.Append(uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func appendRegionBatch(r *region.Region[uint64], n int) error {
	var batch [256]uint64
	for i := 0; i < n; {
		k := min(len(batch), n-i)
		for j := range k {
			batch[j] = uint64(i + j)
		}
		if err := r.Append(batch[:k]...); err != nil {
			return err
		}
		i += k
	}
	return nil
}

//go:noinline
func appendMappedSlice(s *mappedslice.Slice[uint64], n int) error {
	for i := range n {
		if err := s.Append(uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func appendBuffer(b *z.Buffer, n int) {
	for i := range n {
		binary.NativeEndian.PutUint64(b.Allocate(8), uint64(i))
	}
}

//go:noinline
func appendWriter(w *bufio.Writer, n int) error {
	var b [8]byte
	for i := range n {
		binary.NativeEndian.PutUint64(b[:], uint64(i))
		if _, err := w.Write(b[:]); err != nil {
			return err
		}
	}
	return w.Flush()
}

// appendCase times only the appends: what is closed or removed later is not part of it.
func appendCase(name, lib, note string, full, quick int, start func(e *harness.Env, n int) (do func() error, end func() error, err error)) harness.Case {
	return harness.Case{Name: name, Lib: lib, Note: note, Setup: func(e *harness.Env) (harness.Bench, error) {
		n := e.Size(full, quick)
		var do, end func() error
		finish := func() error {
			if end == nil {
				return nil
			}
			last := end
			end = nil
			return last()
		}
		return harness.Bench{Ops: n, Once: true, Bytes: 8 * n,
			Reset: func() (err error) {
				if err := finish(); err != nil {
					return err
				}
				do, end, err = start(e, n)
				return err
			},
			Run:   func(int) error { return do() },
			Close: finish,
		}, nil
	}}
}

const unsynced = "never syncs"

func anonymousAppends(full, quick int) []harness.Case {
	ours := func(do func(*region.Region[uint64], int) error) func(*harness.Env, int) (func() error, func() error, error) {
		return func(_ *harness.Env, n int) (func() error, func() error, error) {
			r, err := region.New[uint64](0)
			if err != nil {
				return nil, nil, err
			}
			return func() error { return do(r, n) }, r.Close, nil
		}
	}
	return []harness.Case{
		appendCase("heap append", "Go", "", full, quick, func(_ *harness.Env, n int) (func() error, func() error, error) {
			var s []uint64
			return func() error { s = appendHeap(n); sink += s[n-1]; return nil }, func() error { s = nil; return nil }, nil
		}),
		appendCase("Region.Append, one by one", harness.Ours, "", full, quick, ours(appendRegion)),
		appendCase("Region.Append, 256 at once", harness.Ours, "", full, quick, ours(appendRegionBatch)),
		appendCase("ristretto z.Buffer", "ristretto z", "", full, quick, func(_ *harness.Env, n int) (func() error, func() error, error) {
			b := z.NewBuffer(64, "bench")
			return func() error { appendBuffer(b, n); return nil }, b.Release, nil
		}),
	}
}

func fileAppends(full, quick int) []harness.Case {
	path := func(e *harness.Env) string { return filepath.Join(e.Fast, "append") }
	ours := func(do func(*region.Region[uint64], int) error) func(*harness.Env, int) (func() error, func() error, error) {
		return func(e *harness.Env, n int) (func() error, func() error, error) {
			r, err := region.Create[uint64](path(e), 0)
			if err != nil {
				return nil, nil, err
			}
			return func() error { return do(r, n) }, func() error { return errors.Join(r.Close(), os.Remove(path(e))) }, nil
		}
	}
	return []harness.Case{
		appendCase("bufio.Writer to a file", "", "", full, quick, func(e *harness.Env, n int) (func() error, func() error, error) {
			f, err := os.Create(path(e))
			if err != nil {
				return nil, nil, err
			}
			w := bufio.NewWriterSize(f, 64<<10)
			return func() error { return appendWriter(w, n) }, func() error { return errors.Join(f.Close(), os.Remove(path(e))) }, nil
		}),
		appendCase("Region.Append, one by one", harness.Ours, "", full, quick, ours(appendRegion)),
		appendCase("Region.Append, 256 at once", harness.Ours, "", full, quick, ours(appendRegionBatch)),
		appendCase("mappedslice", "mappedslice", "", full, quick, func(e *harness.Env, n int) (func() error, func() error, error) {
			s, err := mappedslice.New[uint64](path(e), 32)
			if err != nil {
				return nil, nil, err
			}
			return func() error { return appendMappedSlice(s, n) }, func() error { return errors.Join(s.Close(), os.Remove(path(e))) }, nil
		}),
		appendCase("ristretto z.Buffer, mapped", "ristretto z", "", full, quick, func(e *harness.Env, n int) (func() error, func() error, error) {
			b, err := z.NewBufferPersistent(path(e), 64)
			if err != nil {
				return nil, nil, err
			}
			return func() error { appendBuffer(b, n); return nil }, func() error { return errors.Join(b.Release(), os.Remove(path(e))) }, nil
		}),
	}
}

func appendRows() []harness.Row {
	rows := []harness.Row{
		{Name: "append 100 M values, anonymous", Unit: "value", Own: true, Fresh: true, Cases: anonymousAppends(100e6, 4e6)},
		{Name: "append 100 M values, file, nobody syncs", Unit: "value", Floor: "bufio.Writer to a file", Own: true, Fresh: true, Cases: fileAppends(100e6, 4e6)},
	}
	for _, size := range scales {
		rows = append(rows, harness.Row{Name: fmt.Sprintf("scaling: append up to %s", mib(size)), Unit: "value", Own: true, Fresh: true,
			Plot: "append", X: float64(size), XOf: "bytes of data", Cases: anonymousAppends(size/8, min(size, 64<<20)/8)})
	}
	return rows
}

// scales are the sizes of the scaling plots, in bytes.
var scales = []int{1 << 20, 8 << 20, 64 << 20, 512 << 20, 2 << 30, 8 << 30}

func mib(n int) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%d GiB", n>>30)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
