package rows

import (
	"encoding/binary"
	"unsafe"

	gmmap "github.com/grandecola/mmap"
	"github.com/itsmontoya/mappedslice"
	xmmap "golang.org/x/exp/mmap"

	"github.com/typedmem/typedmem/region"
)

// Rec is the record of the rows: 32 bytes.
type Rec struct{ A, B, C, D uint64 }

func (r *Rec) sum() uint64 { return r.A + r.B + r.C + r.D }

func recOf(i int) Rec { x := uint64(i); return Rec{x, x + 1, x + 2, x + 3} }

// sink keeps what the kernels compute. The kernels are not inlined: a loop in the measuring
// function itself runs slower for everybody.
var sink uint64

//go:noinline
func sumSlice(s []uint64) (sum uint64) {
	for _, x := range s {
		sum += x
	}
	return sum
}

//go:noinline
func sumAll(v region.View[uint64]) (sum uint64) {
	for _, x := range v.All() {
		sum += x
	}
	return sum
}

//go:noinline
func sumValues(v region.View[uint64]) (sum uint64) {
	for x := range v.Values() {
		sum += x
	}
	return sum
}

//go:noinline
func sumAt(v region.View[uint64]) (sum uint64) {
	for i := range v.Len() {
		sum += v.At(i)
	}
	return sum
}

//go:noinline
func sumLoad(v region.View[uint64]) (sum uint64, err error) {
	for i := range v.Len() {
		x, err := v.Load(i)
		if err != nil {
			return 0, err
		}
		sum += x
	}
	return sum, nil
}

//go:noinline
func sumRegionAt(r *region.Region[uint64]) (sum uint64) {
	for i, n := 0, r.Len(); i < n; i++ {
		sum += r.At(i)
	}
	return sum
}

//go:noinline
func sumMappedSlice(s *mappedslice.Slice[uint64]) (sum uint64) {
	for i, n := 0, s.Len(); i < n; i++ {
		x, _ := s.Get(i)
		sum += x
	}
	return sum
}

//go:noinline
func sumReaderAt(r *xmmap.ReaderAt, off, n int) (sum uint64, err error) {
	var b [8]byte
	for i := range n {
		if _, err := r.ReadAt(b[:], int64(off+8*i)); err != nil {
			return 0, err
		}
		sum += binary.NativeEndian.Uint64(b[:])
	}
	return sum, nil
}

//go:noinline
func sumGrandecola(m *gmmap.File, off, n int) (sum uint64) {
	for i := range n {
		sum += m.ReadUint64At(int64(off + 8*i))
	}
	return sum
}

//go:noinline
func setSlice(s []uint64, k uint64) {
	for i := range s {
		s[i] = uint64(i) + k
	}
}

//go:noinline
func setAt(v region.View[uint64], k uint64) {
	for i := range v.Len() {
		v.Set(i, uint64(i)+k)
	}
}

//go:noinline
func setStore(v region.View[uint64], k uint64) error {
	for i := range v.Len() {
		if err := v.Store(i, uint64(i)+k); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func setRegionAt(r *region.Region[uint64], k uint64) {
	for i, n := 0, r.Len(); i < n; i++ {
		r.Set(i, uint64(i)+k)
	}
}

//go:noinline
func setMappedSlice(s *mappedslice.Slice[uint64], k uint64) error {
	for i, n := 0, s.Len(); i < n; i++ {
		if err := s.Set(i, uint64(i)+k); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func setGrandecola(m *gmmap.File, off, n int, k uint64) {
	for i := range n {
		m.WriteUint64At(uint64(i)+k, int64(off+8*i))
	}
}

// The same over records.

//go:noinline
func sumRecSlice(s []Rec) (sum uint64) {
	for i := range s {
		sum += s[i].sum()
	}
	return sum
}

//go:noinline
func sumRecAll(v region.View[Rec]) (sum uint64) {
	for _, x := range v.All() {
		sum += x.sum()
	}
	return sum
}

//go:noinline
func sumRecAt(v region.View[Rec]) (sum uint64) {
	for i := range v.Len() {
		x := v.At(i)
		sum += x.sum()
	}
	return sum
}

//go:noinline
func sumRecLoad(v region.View[Rec]) (sum uint64, err error) {
	for i := range v.Len() {
		x, err := v.Load(i)
		if err != nil {
			return 0, err
		}
		sum += x.sum()
	}
	return sum, nil
}

//go:noinline
func sumRecRegionAt(r *region.Region[Rec]) (sum uint64) {
	for i, n := 0, r.Len(); i < n; i++ {
		x := r.At(i)
		sum += x.sum()
	}
	return sum
}

//go:noinline
func sumRecMappedSlice(s *mappedslice.Slice[Rec]) (sum uint64) {
	for i, n := 0, s.Len(); i < n; i++ {
		x, _ := s.Get(i)
		sum += x.sum()
	}
	return sum
}

// decode reads a record as encoding/binary is used by hand, which is its fastest way.
func decode(b *[32]byte) Rec {
	e := binary.NativeEndian
	return Rec{e.Uint64(b[:]), e.Uint64(b[8:]), e.Uint64(b[16:]), e.Uint64(b[24:])}
}

func encode(b *[32]byte, x *Rec) {
	e := binary.NativeEndian
	e.PutUint64(b[:], x.A)
	e.PutUint64(b[8:], x.B)
	e.PutUint64(b[16:], x.C)
	e.PutUint64(b[24:], x.D)
}

// readerAt is what x/exp/mmap and grandecola/mmap have in common.
type readerAt interface {
	ReadAt(p []byte, off int64) (int, error)
}

//go:noinline
func sumRecReaderAt[R readerAt](r R, off, n int) (sum uint64, err error) {
	var b [32]byte
	for i := range n {
		if _, err := r.ReadAt(b[:], int64(off+32*i)); err != nil {
			return 0, err
		}
		x := decode(&b)
		sum += x.sum()
	}
	return sum, nil
}

//go:noinline
func setRecSlice(s []Rec, k int) {
	for i := range s {
		s[i] = recOf(i + k)
	}
}

//go:noinline
func setRecAt(v region.View[Rec], k int) {
	for i := range v.Len() {
		v.Set(i, recOf(i+k))
	}
}

//go:noinline
func setRecStore(v region.View[Rec], k int) error {
	for i := range v.Len() {
		if err := v.Store(i, recOf(i+k)); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func setRecRegionAt(r *region.Region[Rec], k int) {
	for i, n := 0, r.Len(); i < n; i++ {
		r.Set(i, recOf(i+k))
	}
}

//go:noinline
func setRecMappedSlice(s *mappedslice.Slice[Rec], k int) error {
	for i, n := 0, s.Len(); i < n; i++ {
		if err := s.Set(i, recOf(i+k)); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func setRecGrandecola(m *gmmap.File, off, n, k int) error {
	var b [32]byte
	for i := range n {
		x := recOf(i + k)
		encode(&b, &x)
		if _, err := m.WriteAt(b[:], int64(off+32*i)); err != nil {
			return err
		}
	}
	return nil
}

// Random access: a linear congruential generator names the elements; none depends on the one
// before.

const (
	lcgMul = 6364136223846793005
	lcgAdd = 1442695040888963407
)

//go:noinline
func randSlice(s []uint64, n int, x uint64) (sum uint64) {
	mask := uint64(len(s) - 1)
	for range n {
		x = x*lcgMul + lcgAdd
		sum += s[x>>20&mask]
	}
	return sum
}

//go:noinline
func randAt(v region.View[uint64], n int, x uint64) (sum uint64) {
	mask := uint64(v.Len() - 1)
	for range n {
		x = x*lcgMul + lcgAdd
		sum += v.At(int(x >> 20 & mask))
	}
	return sum
}

//go:noinline
func randRegionAt(r *region.Region[uint64], n int, x uint64) (sum uint64) {
	mask := uint64(r.Len() - 1)
	for range n {
		x = x*lcgMul + lcgAdd
		sum += r.At(int(x >> 20 & mask))
	}
	return sum
}

//go:noinline
func randMappedSlice(s *mappedslice.Slice[uint64], n int, x uint64) (sum uint64) {
	mask := uint64(s.Len() - 1)
	for range n {
		x = x*lcgMul + lcgAdd
		y, _ := s.Get(int(x >> 20 & mask))
		sum += y
	}
	return sum
}

//go:noinline
func randReaderAt(r *xmmap.ReaderAt, off, size, n int, x uint64) (sum uint64, err error) {
	mask := uint64(size - 1)
	var b [8]byte
	for range n {
		x = x*lcgMul + lcgAdd
		if _, err := r.ReadAt(b[:], int64(off)+int64(x>>20&mask)*8); err != nil {
			return 0, err
		}
		sum += binary.NativeEndian.Uint64(b[:])
	}
	return sum, nil
}

//go:noinline
func randGrandecola(m *gmmap.File, off, size, n int, x uint64) (sum uint64) {
	mask := uint64(size - 1)
	for range n {
		x = x*lcgMul + lcgAdd
		sum += m.ReadUint64At(int64(off) + int64(x>>20&mask)*8)
	}
	return sum
}

//go:noinline
func randSetSlice(s []uint64, n int, x uint64) {
	mask := uint64(len(s) - 1)
	for range n {
		x = x*lcgMul + lcgAdd
		s[x>>20&mask] = x
	}
}

//go:noinline
func randSetAt(v region.View[uint64], n int, x uint64) {
	mask := uint64(v.Len() - 1)
	for range n {
		x = x*lcgMul + lcgAdd
		v.Set(int(x>>20&mask), x)
	}
}

//go:noinline
func randSetRegionAt(r *region.Region[uint64], n int, x uint64) {
	mask := uint64(r.Len() - 1)
	for range n {
		x = x*lcgMul + lcgAdd
		r.Set(int(x>>20&mask), x)
	}
}

//go:noinline
func randSetMappedSlice(s *mappedslice.Slice[uint64], n int, x uint64) error {
	mask := uint64(s.Len() - 1)
	for range n {
		x = x*lcgMul + lcgAdd
		if err := s.Set(int(x>>20&mask), x); err != nil {
			return err
		}
	}
	return nil
}

//go:noinline
func randSetGrandecola(m *gmmap.File, off, size, n int, x uint64) {
	mask := uint64(size - 1)
	for range n {
		x = x*lcgMul + lcgAdd
		m.WriteUint64At(x, int64(off)+int64(x>>20&mask)*8)
	}
}

// view shows bytes as values, as a program does by hand.
func view[T any](b []byte) []T {
	// SAFETY: the callers' bytes begin at a multiple of T's alignment; T has no pointers.
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b))/unsafe.Sizeof(*new(T)))
}

// bytesOf shows n bytes of mapped memory.
func bytesOf(p unsafe.Pointer, n int) []byte {
	// SAFETY: the callers mapped n bytes at p.
	return unsafe.Slice((*byte)(p), n)
}
