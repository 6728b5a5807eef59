package rows

import (
	"fmt"
	"math"

	"github.com/typedmem/typedmem/bench/harness"
)

// Target is a bound that a row has to keep.
type Target struct {
	Row, Case string
	Against   string // the case that is the measure; "" for the best contender of another library
	Most      float64
	CPU       bool    // of processor time, not wall time
	Flat      string  // not "": the ratio is to the same case in this row
	Plus      float64 // not 0: the bound is this many nanoseconds over Against
	Data      bool    // of peak memory, to the bytes of data
}

// Verdict is a target with what was measured: NaN, and What says why, where it could not be.
type Verdict struct {
	Target Target
	What   string
	Value  float64
	Met    bool
}

func heapRatio(row, c string, most float64) Target {
	return Target{Row: row, Case: c, Against: heapSlice, Most: most}
}

// Targets returns every target, in the order of the rows.
func Targets() []Target {
	var all []Target
	for _, size := range []string{"256 KiB", "512 MiB"} {
		for _, kind := range []string{"uint64", "32-byte struct"} {
			read, write := fmt.Sprintf("sequential read, %s, %s", kind, size), fmt.Sprintf("sequential write, %s, %s", kind, size)
			all = append(all,
				heapRatio(read, "View.Slice", 1.03), heapRatio(read, "View.All", 1.03), heapRatio(read, "View.At", 1.35),
				heapRatio(write, "View.Slice", 1.03), heapRatio(write, "View.Set", 1.35),
				Target{Row: read, Case: "View.At", Most: 1 / 1.3}, Target{Row: write, Case: "View.Set", Most: 1 / 1.3})
		}
	}
	for _, size := range []string{"32 MiB", "512 MiB", "2 GiB"} {
		all = append(all, heapRatio("random read, uint64, "+size, "View.At", 1.03), heapRatio("random write, uint64, "+size, "View.Set", 1.03))
	}
	const anonymous = "append 100 M values, anonymous"
	all = append(all,
		heapRatio("random read, uint64, 2 GiB", "View.Slice, TransparentHugePages", 1/1.3),
		heapRatio("random read, uint64, 2 GiB", "View.At, TransparentHugePages", 1/1.3),
		Target{Row: anonymous, Case: "Region.Append, one by one", Against: "heap append", Most: 0.5},
		Target{Row: anonymous, Case: "Region.Append, 256 at once", Against: "heap append", Most: 0.5},
		Target{Row: anonymous, Case: "Region.Append, one by one", Most: 1.05, Data: true},
		Target{Row: "open a 4 GiB file, read one value, close", Case: "region.Map of a raw file", Against: bareOpen, Most: 2},
		Target{Row: "open a 4 GiB file, read one value, close", Case: "region.Open", Against: bareOpen, Most: 2},
		Target{Row: "scaling: open a file of 2 GiB", Case: "region.Open", Flat: "scaling: open a file of 1 MiB", Most: 1.25},
		Target{Row: "area of an address among 30000 mappings", Case: "AreaAt", Flat: "area of an address among 10 mappings", Most: 1.25},
		Target{Row: "export 1 GiB of float64 to .npy", Case: "npy.Write", Most: 1.5},
		Target{Row: "export 1 GiB of float64 to Parquet", Case: "parquetio.Write", Most: 1.5},
		Target{Row: "export 1 GiB of 32-byte structs to Parquet", Case: "parquetio.Write", Most: 1.5},
		Target{Row: "guard an empty function", Case: "Guard", Against: "function call", Plus: 25},
	)
	return append(all, slabTargets()...)
}

// Judge compares the targets with what was measured; those whose rows were not are left out.
func Judge(results []harness.Result) []Verdict {
	byName := map[string]harness.Result{}
	for _, r := range results {
		byName[r.Row.Name] = r
	}
	var all []Verdict
	for _, t := range Targets() {
		row, ok := byName[t.Row]
		base, hasBase := row, true
		if t.Flat != "" {
			base, hasBase = byName[t.Flat]
		}
		if ok && hasBase {
			all = append(all, judge(t, row, base))
		}
	}
	return all
}

// judge compares a case of row with one of base, which is the same row but for a Flat target.
func judge(t Target, row, base harness.Result) Verdict {
	v := Verdict{Target: t, Value: math.NaN()}
	c, ok := row.Case(t.Case)
	if !ok {
		v.What = why(row, t.Case)
		return v
	}
	if t.Data {
		v.What, v.Value = "peak memory over the data", c.Median(harness.Peak)/c.Median(harness.Bytes)
		v.Met = v.Value <= t.Most
		return v
	}
	against := t.Against
	if t.Flat != "" {
		against = t.Case
	}
	other, ok := base.Case(against)
	if against == "" {
		other, ok = row.BestOther(c.Case.Lib)
	}
	if !ok {
		v.What = why(base, against)
		return v
	}
	of, name := harness.Wall, other.Case.Name
	switch {
	case t.Flat != "":
		name = "the same in “" + t.Flat + "”"
	case t.Against == "":
		name = "the best other library, " + name
	}
	if t.CPU {
		of, name = harness.CPU, name+" (processor time)"
	}
	switch {
	case t.Plus != 0:
		v.What, v.Value, v.Met = "ns over "+name, c.Median(of)-other.Median(of), c.Median(of)-other.Median(of) <= t.Plus
		return v
	case t.Flat != "": // another row: its rounds were other moments
		v.What, v.Value = "× "+name, c.Median(of)/other.Median(of)
	default:
		v.What, v.Value = "× "+name, c.Ratio(other, of)
	}
	v.Met = v.Value <= t.Most
	return v
}

// why says what failed in a row: the case of that name, or all of other libraries.
func why(row harness.Result, name string) string {
	for _, c := range row.Cases {
		if c.Err != "" && (c.Case.Name == name || name == "" && c.Case.Lib != "" && c.Case.Lib != harness.Ours) {
			return c.Case.Name + " failed: " + c.Err
		}
	}
	return "there is nothing to compare with"
}

// allocTargets are those of Cache and Slab on any number of goroutines.
func allocTargets(row string) []Target {
	all := []Target{{Row: row, Case: "Cache", Against: "new(T)", Most: 0.5, CPU: true}}
	for _, peer := range []string{"memorymanager", "modernc memory with a mutex", "xDarkicex FreeList", "xDarkicex ShardedFreeList"} {
		all = append(all, Target{Row: row, Case: "Slab", Against: peer, Most: 1})
	}
	return all
}

func slabTargets() []Target {
	var all []Target
	for _, size := range []string{"16 B", "64 B", "256 B"} {
		for _, order := range []string{"LIFO", "random order"} {
			row := fmt.Sprintf("slab alloc and free, %s, %s, 1 goroutine", size, order)
			all = append(all,
				Target{Row: row, Case: "Cache", Against: freelist, Most: 1.3})
			all = append(all, allocTargets(row)...)
		}
	}
	for _, g := range goroutines {
		all = append(all, allocTargets(scalingName(g))...)
	}
	for _, order := range []string{"sequential", "random"} {
		row := fmt.Sprintf("handle lookup, %s, 10 M objects", order)
		for _, c := range []string{"Slab.Load", "Slab.Ptr", "Slab.Load, TransparentHugePages", "Slab.Ptr, TransparentHugePages"} {
			all = append(all, Target{Row: row, Case: c, Against: sliceIndex, Most: 1.5}, Target{Row: row, Case: c, Against: "map[uint64]*T", Most: 1.0 / 3})
		}
	}
	const gc = "full collection with 50 M live linked objects"
	return append(all, Target{Row: gc, Case: "Slab, linked by handles", Against: emptyHeap, Most: 1.1},
		Target{Row: gc, Case: "Slab, linked by handles", Against: emptyHeap, Most: 1.1, CPU: true})
}
