package sys

import (
	"math/rand"
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testkit"
	"golang.org/x/sys/windows"
)

// TestRandomStepsMatchModel does 2,000 random steps on 24 pages of each kind of range, against a
// model with one state a page, and asks Windows after each step.
func TestRandomStepsMatchModel(t *testing.T) {
	for _, kind := range []string{"memory", "shared", "private"} {
		t.Run(kind, func(t *testing.T) {
			if kind != "memory" {
				needPlaceholders(t)
			}
			for seed := range int64(20) {
				randomSteps(t, kind, seed, 100)
			}
		})
	}
}

func randomSteps(t *testing.T, kind string, seed int64, steps int) {
	const pages = 24
	const free, reserved, mapped = 0, 1, 2
	page := PageSize()
	base := Request{Prot: rw, Replace: true}
	offset := int64(NoFile)
	if kind != "memory" {
		offset = 0
		base.File = newFile(t, pages*page-1)
		defer base.File.Close()
	}
	if kind == "shared" {
		base.Flags = flags.Shared
	}
	addr, err := Reserve(quiet, pages*page, unit, offset)
	testkit.Check(t, err)
	var model [pages]int
	for i := range model {
		model[i] = reserved
	}
	all := func(lo, hi int, allowed ...int) bool {
		for _, s := range model[lo:hi] {
			ok := false
			for _, a := range allowed {
				ok = ok || s == a
			}
			if !ok {
				return false
			}
		}
		return true
	}
	random := rand.New(rand.NewSource(seed))
	for step := range steps {
		lo := random.Intn(pages)
		hi := lo + 1 + random.Intn(pages-lo)
		where, n := addr+uintptr(lo*page), (hi-lo)*page
		var name string
		var next int
		var fine bool
		var err error
		switch op := random.Intn(12); {
		case op < 5:
			name, next, fine = "map", mapped, all(lo, hi, reserved)
			q := base
			q.Addr, q.Len, q.Offset = where, n, int64(lo*page)
			_, err = Map(q)
		case op < 8:
			name, next, fine = "hold", reserved, all(lo, hi, reserved, mapped)
			err = Hold(where, n)
		case op < 11:
			name, next, fine = "protect", mapped, all(lo, hi, mapped)
			err = Protect(where, n, rw)
		default:
			name, next, fine = "release", free, all(lo, hi, reserved, mapped)
			err = Release(where, n)
		}
		if fine != (err == nil) {
			t.Fatalf("seed %d, step %d, %s of pages [%d,%d) of %v: %v", seed, step, name, lo, hi, model, err)
		}
		if err == nil {
			for i := lo; i < hi; i++ {
				model[i] = next
			}
		}
		checkTable(t)
		for i, want := range model {
			where := addr + uintptr(i*page)
			s, p := state(t, where)
			accessible := s == windows.MEM_COMMIT && p != windows.PAGE_NOACCESS
			if accessible != (want == mapped) || want == reserved && s == memFree {
				t.Fatalf("seed %d, step %d, %s of pages [%d,%d): page %d is in state %#x with protection %#x, the model says %v", seed, step, name, lo, hi, i, s, p, model)
			}
			if want != mapped {
				continue
			}
			first := at(where, 1)
			if kind != "memory" && name == "map" && i >= lo && i < hi && first[0] != byte(i+1) {
				t.Fatalf("seed %d, step %d: page %d begins with %d", seed, step, i, first[0])
			}
			first[0] = byte(i + 1)
		}
	}
	for lo := 0; lo < pages; lo++ {
		hi := lo
		for hi < pages && model[hi] != free {
			hi++
		}
		if hi > lo {
			testkit.Check(t, Release(addr+uintptr(lo*page), (hi-lo)*page))
			lo = hi
		}
	}
	wantGone(t, addr, pages*page)
}

// checkTable checks what the table promises of its order.
func checkTable(t *testing.T) {
	t.Helper()
	owned.Lock()
	defer owned.Unlock()
	for i, s := range owned.parts {
		if s.start >= s.end || s.start < s.of.base || s.end > s.of.end {
			t.Fatalf("[%#x,%#x) is no part of [%#x,%#x)", s.start, s.end, s.of.base, s.of.end)
		}
		if s.of.kind == placeholder && (s.start != s.of.base || s.end != s.of.end || s.mapped) {
			t.Fatalf("[%#x,%#x) is not all of the placeholder [%#x,%#x)", s.start, s.end, s.of.base, s.of.end)
		}
		if i == 0 {
			continue
		}
		if before := owned.parts[i-1]; before.end > s.start || before.end == s.start && before.of == s.of && before.mapped == s.mapped {
			t.Fatalf("[%#x,%#x) and [%#x,%#x) overlap or should be one", before.start, before.end, s.start, s.end)
		}
	}
}
