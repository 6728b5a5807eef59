package region_test

import (
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// TestNothingAllocates: reading, writing, making views from views, and appending where there is
// room.
func TestNothingAllocates(t *testing.T) {
	testenv.Allocations(t)
	r := numbered(t, 1000, func(i int) wide { return wide{A: uint64(i)} })
	v := r.View()
	s, err := v.Every(0, 1000, 3)
	testkit.Wants(t, "Every", err, nil)
	rows, err := region.RowsOf(v, 10)
	testkit.Wants(t, "RowsOf", err, nil)
	var sum uint64
	buf := make([]wide, 50)
	indexes := make([]int, 50)
	for k := range indexes {
		indexes[k] = k * 6
	}
	file, err := region.Create[wide](filepath.Join(t.TempDir(), "r"), 1000)
	testkit.Check(t, err)
	testkit.CloseLater(t, file)
	for name, f := range map[string]func(){
		"Region.At":    func() { sum += r.At(5).A },
		"Region.Set":   func() { r.Set(5, wide{}) },
		"Region.Load":  func() { x, _ := r.Load(5); sum += x.A },
		"Region.Store": func() { _ = r.Store(5, wide{}) },
		"Region.View":  func() { sum += uint64(r.View().Len()) },
		"Region.Sub":   func() { x, _ := r.Sub(2, 20); sum += x.At(1).A },
		"Region.Len":   func() { sum += uint64(r.Len() + r.Cap()) },
		"Region.All": func() {
			for _, x := range r.All() {
				sum += x.A
			}
		},
		"View.At":      func() { sum += v.At(5).A },
		"View.Set":     func() { v.Set(5, wide{}) },
		"View.Load":    func() { x, _ := v.Load(5); sum += x.A },
		"View.Store":   func() { _ = v.Store(5, wide{}) },
		"View.Sub":     func() { x, _ := v.Sub(2, 20); sum += x.At(1).A },
		"View.SplitAt": func() { x, _, _ := v.SplitAt(20); sum += x.At(1).A },
		"View.Every":   func() { x, _ := v.Every(2, 20, 2); sum += x.At(1).A },
		"View.Bytes":   func() { sum += uint64(v.Bytes().At(1)) },
		"ReadOnly":     func() { sum += v.ReadOnly().At(1).A },
		"Cast":         func() { x, _ := region.Cast[uint32](v); sum += uint64(x.At(1)) },
		"Field":        func() { x, _ := region.Field[uint64](v, unsafe.Offsetof(wide{}.B)); sum += x.At(1) },
		"Slice":        func() { sum += v.Slice()[3].A },
		"Ptr":          func() { sum += v.Ptr(3).A },
		"CopyTo":       func() { v.CopyTo(buf) },
		"CopyFrom":     func() { v.CopyFrom(buf) },
		"Fill":         func() { v.Fill(wide{}) },
		"View.All": func() {
			for _, x := range v.All() {
				sum += x.A
			}
		},
		"View.Values": func() {
			for x := range v.Values() {
				sum += x.A
			}
		},
		"View.Chunks": func() {
			for c := range v.Chunks(7) {
				sum += c.At(0).A
			}
		},
		"Strided.At":    func() { sum += s.At(5).A },
		"Strided.Set":   func() { s.Set(5, wide{}) },
		"Strided.Load":  func() { x, _ := s.Load(5); sum += x.A },
		"Strided.Store": func() { _ = s.Store(5, wide{}) },
		"Strided.Sub":   func() { x, _ := s.Sub(2, 20); sum += x.At(1).A },
		"Strided.Every": func() { x, _ := s.Every(2, 20, 4); sum += x.At(1).A },
		"Strided.All": func() {
			for _, x := range s.All() {
				sum += x.A
			}
		},
		"View.Gather":    func() { _ = v.Gather(buf, indexes); sum += buf[0].A },
		"Strided.Gather": func() { _ = s.Gather(buf, indexes); sum += buf[0].A },
		"Gather of a file": func() {
			_ = file.View().Gather(buf, indexes)
			sum += buf[0].A
		},
		"Rows":        func() { x, _ := region.RowsOf(v, 10); sum += x.At(1, 2).A },
		"Region.Rows": func() { sum += r.Rows().At(5, 0).A },
		"Rows.At":     func() { sum += rows.At(5, 1).A },
		"Rows.Set":    func() { rows.Set(5, 0, wide{}) },
		"Rows.Load":   func() { x, _ := rows.Load(5, 1); sum += x.A },
		"Rows.Store":  func() { _ = rows.Store(5, 0, wide{}) },
		"Rows.Row":    func() { sum += rows.Row(5).At(1).A },
		"Rows.Col":    func() { sum += rows.Col(1).At(5).A },
		"Rows.Sub":    func() { x, _ := rows.Sub(2, 20); sum += x.At(1, 1).A },
		"Rows.Gather": func() { _ = rows.Gather(buf, indexes[:5]); sum += buf[11].A },
		"Rows.Flat":   func() { sum += rows.Flat().At(12).A },
		"Rows.All": func() {
			for _, row := range rows.All() {
				sum += row.At(1).A
			}
		},
		"Append in room": func() { _ = r.Append(buf[:3]...) },
		"Append of one":  func() { _ = r.Append(wide{A: 1}) },
	} {
		testkit.AllocatesNothing(t, name, 50, f)
	}
	drop := func() { testkit.Check(t, file.Mapping().Advise(0, file.Mapping().Len(), flags.DontNeed)) }
	alone := testing.AllocsPerRun(50, drop)
	if n := testing.AllocsPerRun(50, func() { drop(); testkit.Check(t, file.View().Gather(buf, indexes)) }); n > alone {
		t.Errorf("Gather of pages to bring in: %v allocations", n-alone)
	}
	if sum == 0 {
		t.Error("nothing was read")
	}
}

// TestViewsFitRegisters: a fifth word would keep the compiler from holding a view in registers.
func TestViewsFitRegisters(t *testing.T) {
	for what, size := range map[string]uintptr{
		"View":    unsafe.Sizeof(region.View[wide]{}),
		"Strided": unsafe.Sizeof(region.Strided[wide]{}),
		"Rows":    unsafe.Sizeof(region.Rows[wide]{}),
	} {
		if size != 4*unsafe.Sizeof(uintptr(0)) {
			t.Errorf("a %s of %d bytes", what, size)
		}
	}
}
