package slab_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

type salvaged struct{ A, B, C, D, E uint64 }

const damagedCap = 1500 // of damagedSlab

// damagedSlab is a slab file of about 1,000 slots, a third of which are free, some after they had
// several objects. It returns the live handles by the number in their objects, and those that were
// stale before.
func damagedSlab(t *testing.T, dir string) (path string, live map[uint64]slab.Handle[salvaged], stale []slab.Handle[salvaged]) {
	t.Helper()
	path = filepath.Join(dir, "slab")
	s := testkit.Must(slab.Create[salvaged](path, damagedCap))(t)
	var all []slab.Handle[salvaged]
	for i := range uint64(1000) {
		all = append(all, testkit.Must(s.Insert(salvaged{A: i, E: ^i}))(t))
	}
	for i := 0; i < len(all); i += 3 {
		testkit.Check(t, s.Free(all[i]))
		stale = append(stale, all[i])
	}
	testkit.Check(t, s.Flush())
	for range 100 {
		h := testkit.Must(s.Insert(salvaged{A: 7}))(t)
		testkit.Check(t, s.Free(h))
		stale = append(stale, h)
	}
	testkit.Check(t, s.Close())
	live = map[uint64]slab.Handle[salvaged]{}
	for i, h := range all {
		if i%3 != 0 {
			live[uint64(i)] = h
		}
	}
	return path, live, stale
}

// slotOf is the index of the slot of h. Goroutines take slots from caches, so the order of the
// slots need not be that of the calls.
func slotOf(h slab.Handle[salvaged]) int64 { return int64(uint32(h.Uint64())) }

func TestSalvage(t *testing.T) {
	start := container.WordsEnd(damagedCap)
	for _, slots := range []int64{0, 1, 500, 990, damagedCap} {
		for _, untyped := range []bool{false, true} {
			path, live, stale := damagedSlab(t, testkit.FastDir(t))
			if slots < damagedCap {
				testkit.Check(t, os.Truncate(path, start+slots*40+39))
				_, err := slab.Open[salvaged](path)
				testkit.Wants(t, "Open", err, typedmem.ErrTruncated, "slab.Salvage")
			}
			before := testkit.Must(os.ReadFile(path))(t)
			to := filepath.Join(t.TempDir(), "saved")
			salvage := slab.Salvage[salvaged]
			if untyped {
				salvage = slab.SalvageFile
			}
			saved, lost, err := salvage(path, to)
			testkit.Check(t, err)
			if !bytes.Equal(before, testkit.Must(os.ReadFile(path))(t)) {
				t.Error("the damaged file has changed")
			}
			_, _, err = salvage(path, to)
			testkit.Wants(t, "again", err, fs.ErrExist, path, to)

			s := testkit.Must(slab.OpenMut[salvaged](to))(t)
			want := 0
			for i, h := range live {
				x, err := s.Load(h)
				switch {
				case slotOf(h) >= slots:
					testkit.Wants(t, "a lost object", err, slab.ErrStale)
					stale = append(stale, h)
				case err != nil || x != salvaged{A: i, E: ^i}:
					t.Errorf("%d slots left: object %d is %v, %v", slots, i, x, err)
				default:
					want++
				}
			}
			if saved != want || lost != len(live)-want || s.Len() != want {
				t.Errorf("%d slots left: %d saved, %d lost, %d there; want %d of %d", slots, saved, lost, s.Len(), want, len(live))
			}
			for s.Len() < s.Cap() { // every slot can be used, and no old handle comes back
				testkit.Must(s.Insert(salvaged{}))(t)
			}
			for _, h := range stale {
				if s.Has(h) {
					t.Errorf("%d slots left: a stale handle is valid again: %v", slots, h)
				}
			}
			testkit.Check(t, s.Close())
		}
	}
}

func TestWhatCannotBeSalvaged(t *testing.T) {
	path, _, _ := damagedSlab(t, testkit.FastDir(t))
	all := testkit.Must(os.ReadFile(path))(t)
	to := filepath.Join(t.TempDir(), "saved")
	fails := func(what string, bytes []byte, want error, says ...string) {
		t.Helper()
		testkit.Check(t, os.WriteFile(path, bytes, 0o666))
		_, _, err := slab.Salvage[salvaged](path, to)
		testkit.Wants(t, what, err, want, append(says, path)...)
		if _, err := os.Stat(to); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a file is left: %v", what, err)
		}
	}
	fails("nothing but a header", all[:container.DataOffset], typedmem.ErrTruncated, "nothing is left")
	fails("no header", all[:100], typedmem.ErrTruncated)
	damaged := bytes.Clone(all)
	damaged[container.DataOffset+8*5] ^= 2
	fails("a damaged word", damaged, typedmem.ErrCorrupt, "slot 5")
	_, _, err := slab.Salvage[[5]uint32](path, to)
	testkit.Wants(t, "another type", err, typedmem.ErrLayout)
	_, _, err = slab.Salvage[*int](path, to)
	testkit.Wants(t, "a type that no file has", err, typedmem.ErrType)
}
