package rows

import (
	"bufio"
	"encoding/binary"
	"errors"
	"os"
	"unsafe"

	"github.com/edsrzf/mmap-go"
	gmmap "github.com/grandecola/mmap"
	"github.com/itsmontoya/mappedslice"
	xmmap "golang.org/x/exp/mmap"
	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

// headBytes is what mappedslice writes before its elements. The shared file has it, so that all
// contenders map one file.
const headBytes = 16

// sharedFile is a file of n values, filled, which all contenders of a row map.
func sharedFile[T any](e *harness.Env, n int, value func(i int) T) (string, error) {
	return e.Shared("shared", func(f *os.File) error {
		w := bufio.NewWriterSize(f, 1<<20)
		var head [headBytes]byte
		binary.NativeEndian.PutUint64(head[:], uint64(n))
		binary.NativeEndian.PutUint64(head[8:], uint64(n))
		_, err := w.Write(head[:])
		for i := 0; i < n && err == nil; i++ {
			x := value(i)
			_, err = w.Write(unsafe.Slice((*byte)(unsafe.Pointer(&x)), unsafe.Sizeof(x)))
		}
		return errors.Join(err, w.Flush())
	})
}

// memory makes the contenders' memory of n values each, all with the same contents.
type memory[T any] struct {
	n     int
	value func(i int) T
}

func (m memory[T]) bytes() int { return m.n * int(unsafe.Sizeof(*new(T))) }

func (m memory[T]) fill(s []T) {
	for i := range s {
		s[i] = m.value(i)
	}
}

func (m memory[T]) heap() []T {
	s := make([]T, m.n)
	m.fill(s)
	return s
}

// anonymous is our own memory without a file, shared by the cases of a row.
func (m memory[T]) anonymous(e *harness.Env, f flags.Map) (*region.Region[T], error) {
	return harness.Keep(e, "anonymous "+f.String(), func() (*region.Region[T], func() error, error) {
		r, err := region.MapMut[T](options.For[T](m.n).WithFlags(f))
		if err != nil {
			return nil, nil, err
		}
		m.fill(r.Slice())
		return r, r.Close, nil
	})
}

// file is our own view of the shared file.
func (m memory[T]) file(e *harness.Env) (*region.Region[T], error) {
	path, err := sharedFile(e, m.n, m.value)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return region.MapMut[T](options.For[T](m.n).WithFile(f, headBytes).WithFlags(flags.Shared))
}

func (m memory[T]) mmapGo(e *harness.Env) (mmap.MMap, []T, error) {
	path, err := sharedFile(e, m.n, m.value)
	if err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	b, err := mmap.Map(f, mmap.RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	return b, view[T](b[headBytes:]), nil
}

func (m memory[T]) mappedSlice(e *harness.Env) (*mappedslice.Slice[T], error) {
	path, err := sharedFile(e, m.n, m.value)
	if err != nil {
		return nil, err
	}
	return mappedslice.New[T](path, int64(m.n))
}

func (m memory[T]) readerAt(e *harness.Env) (*xmmap.ReaderAt, error) {
	path, err := sharedFile(e, m.n, m.value)
	if err != nil {
		return nil, err
	}
	return xmmap.Open(path)
}

func (m memory[T]) grandecola(e *harness.Env) (*gmmap.File, error) {
	path, err := sharedFile(e, m.n, m.value)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return gmmap.NewSharedFileMmap(f, 0, headBytes+m.bytes(), unix.PROT_READ|unix.PROT_WRITE)
}

// repeat makes the timed function of a kernel.
func repeat(kernel func(rep int) error) func(n int) error {
	return func(n int) error {
		for rep := range n {
			if err := kernel(rep); err != nil {
				return err
			}
		}
		return nil
	}
}
