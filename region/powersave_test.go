package region_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/typedmem/typedmem/internal/power"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// saved looks at what a power failure leaves of a file that is being made, at each point of that.
type saved struct {
	t                         *testing.T
	r                         *rand.Rand
	d                         *power.Disk
	path                      string
	old                       []byte // what had the name before; nil for nothing
	whole                     func(path string)
	again                     func(path string) error // makes it anew
	before, after, unfinished int                     // points without and with the new name; what again found
}

// point is where the power may fail. The name is that of the old file, if there was one, as it was;
// or of the new one, whole.
func (s *saved) point() error {
	s.t.Helper()
	if s.d.There() {
		s.after++
		s.images()
		return nil
	}
	s.before++
	switch now, err := os.ReadFile(s.path); {
	case s.old == nil && !errors.Is(err, fs.ErrNotExist):
		s.t.Fatalf("there is a file of %d bytes that is not finished (%v)", len(now), err)
	case s.old != nil && (err != nil || !bytes.Equal(now, s.old)):
		s.t.Fatalf("the old file has changed (%v)", err)
	}
	if s.r.IntN(4) == 0 {
		s.leftover()
	}
	return nil
}

// images checks each file that the device may have under the name.
func (s *saved) images() {
	s.t.Helper()
	for style := range power.Styles {
		s.inFolder(func(path string) {
			testkit.Check(s.t, s.d.Lost(path, style, s.r))
			s.whole(path)
		})
	}
}

// leftover does it again where the power failed before the new file had its name.
func (s *saved) leftover() {
	s.t.Helper()
	s.inFolder(func(path string) {
		if s.old != nil {
			testkit.Check(s.t, os.WriteFile(path, s.old, 0o600))
		}
		unfinished := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".typedmem-0")
		testkit.Check(s.t, s.d.Lost(unfinished, s.r.IntN(power.Styles), s.r))
		testkit.Check(s.t, s.again(path))
		s.whole(path)
		if names := testkit.Names(s.t, filepath.Dir(path)); !slices.Equal(names, []string{filepath.Base(path)}) {
			s.t.Fatalf("%q are left", names)
		}
		s.unfinished++
	})
}

// inFolder calls f with a path in a folder of its own.
func (s *saved) inFolder(f func(path string)) {
	s.t.Helper()
	dir, remove := power.Dir(s.t)
	defer remove()
	f(filepath.Join(dir, filepath.Base(s.path)))
}

// during makes the file, and checks what the device has at each point of that and afterwards.
func (s *saved) during(what string, save func() error) {
	s.t.Helper()
	d, stop := power.Watch(s.path, s.point)
	s.d = d
	err := save()
	stop()
	testkit.Check(s.t, err, what)
	d.Look()
	if err := d.Err(); err != nil {
		s.t.Skip(err)
	}
	if !d.There() || power.Named && !d.Named() {
		s.t.Fatalf("%s: the name is not on the device when it returns", what)
	}
	s.images()
	if s.before == 0 {
		s.t.Fatalf("%s: no point was seen", what)
	}
}

// devicesOfCalls skips a test where the model of the device cannot follow what is written by calls.
func devicesOfCalls(t *testing.T) {
	t.Helper()
	testenv.PartialPages(t)
	if sys.FlushNeedsFile {
		t.Skip("flushing a mapping here brings all that was written to the file by calls, which the model of the device does not know")
	}
}

// At each point of a Snapshot at which the power fails there is no file, or the whole one; and what
// is left of one that was not finished does not stand in the way of the next.
func TestPowerFailureKeepsSnapshots(t *testing.T) {
	devicesOfCalls(t)
	points, unfinished := 0, 0
	for seed, n := range testkit.Cond(testing.Short(), []int{0, 3000}, []int{0, 1, 4096, 3000, 20_000}) {
		for name, origin := range origins {
			r, _ := origin(t, n)
			model := numbered(t, n, func(i int) pair { return pair{uint64(i), 1} })
			s := &saved{
				t: t, r: rand.New(rand.NewPCG(uint64(seed), 2)), path: filepath.Join(testkit.FastDir(t), "r"),
				whole: func(path string) { t.Helper(); holdsPairs(t, path, n) },
				again: model.Snapshot,
			}
			s.during(name, func() error { return r.Snapshot(s.path) })
			points, unfinished = points+s.before+s.after, unfinished+s.unfinished
		}
	}
	t.Logf("%d points, %d unfinished files", points, unfinished)
}

// At each point of a Migrate at which the power fails the name is that of the old file, as it was,
// or of the new one, whole.
func TestPowerFailureKeepsMigrations(t *testing.T) {
	devicesOfCalls(t)
	points, unfinished := 0, 0
	for seed, n := range testkit.Cond(testing.Short(), []int{0, 3000}, []int{0, 1, 100, 3000, 30_000}) {
		for _, byName := range []bool{true, false} {
			path := oldFile(t, testkit.FastDir(t), n)
			s := &saved{
				t: t, r: rand.New(rand.NewPCG(uint64(seed), 3)), path: path, old: testkit.Must(os.ReadFile(path))(t),
				whole: func(path string) { t.Helper(); isMigrated(t, path, n) },
				again: func(path string) error { return region.Migrate[newRow, oldRow](path, nil) },
			}
			s.during("migrate", func() error {
				if byName {
					return region.Migrate[newRow, oldRow](path, nil)
				}
				return region.Migrate(path, func(o oldRow) newRow {
					if o.ID%5000 == 999 { // a part is written
						s.d.Aside(func() { s.d.Look(); _ = s.point() })
					}
					return migrated(o)
				})
			})
			points, unfinished = points+s.before+s.after, unfinished+s.unfinished
		}
	}
	t.Logf("%d points, %d unfinished files", points, unfinished)
}
