package crashtest

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

const savingVariable = "TYPEDMEM_KILLED_SAVING" // "snapshot DIR", "slab DIR" or "migrate DIR", in the process that is killed

// even and odd are types that a file is migrated between; each element tells its index.
type (
	even struct{ ID, A uint64 }
	odd  struct{ B, ID, C uint64 }
)

const rows = 20_000

// saving makes snapshots, or migrations, until it is killed.
func saving(how, dir string) error {
	fmt.Println("ready")
	origin := filepath.Join(dir, "origin")
	if how == "migrate" {
		for {
			if err := errors.Join(region.Migrate[odd, even](origin, nil), region.Migrate[even, odd](origin, nil)); err != nil {
				return err
			}
		}
	}
	if how == "slab" {
		return savingSlab(dir)
	}
	r, err := region.OpenMut[even](origin)
	for i := 0; err == nil; i++ {
		path := filepath.Join(dir, "snapshot"+strconv.Itoa(i))
		if err = r.Snapshot(path); errors.Is(err, os.ErrExist) {
			err = nil
			continue
		}
		fmt.Println(path, r.Len())
		for range rand.IntN(3000) {
			if err == nil {
				err = r.Append(even{ID: uint64(r.Len())})
			}
		}
	}
	return err
}

// killedSaving runs that process until it is killed, and returns what it said.
func killedSaving(t *testing.T, how, dir string) (said []string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), savingVariable+"="+how+" "+dir)
	cmd.Stderr = os.Stderr
	pipe := testkit.Must(cmd.StdoutPipe())(t)
	testkit.Check(t, cmd.Start())
	lines := bufio.NewScanner(pipe)
	if !lines.Scan() || lines.Text() != "ready" {
		t.Fatalf("the process says %q", lines.Text())
	}
	timer := time.AfterFunc(time.Duration(rand.IntN(40_000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	for lines.Scan() {
		said = append(said, lines.Text())
	}
	_ = cmd.Wait()
	return said
}

func saveKills(t *testing.T) int {
	testenv.Processes(t)
	if n, err := strconv.Atoi(os.Getenv("TYPEDMEM_SAVE_KILLS")); err == nil {
		return n
	}
	return testkit.Cond(testing.Short(), 5, 20)
}

// A process that makes snapshots of a growing region is killed: each file that has its name is
// whole, what was acknowledged is there, and the origin opens. TYPEDMEM_SAVE_KILLS says how often.
func TestKilledSnapshots(t *testing.T) {
	kills, files, left := saveKills(t), 0, 0
	for range kills {
		dir := t.TempDir()
		r := testkit.Must(region.Create[even](filepath.Join(dir, "origin"), 0))(t)
		for i := range rows {
			testkit.Check(t, r.Append(even{ID: uint64(i)}))
		}
		testkit.Check(t, r.Close())
		for _, line := range killedSaving(t, "snapshot", dir) {
			path, n, _ := strings.Cut(line, " ")
			s, err := region.Open[even](path)
			if err != nil || strconv.Itoa(s.Len()) != n {
				t.Fatalf("%q: %v, %v", line, s, err)
			}
			testkit.Check(t, s.Close())
		}
		for _, name := range testkit.Names(t, dir) {
			if name[0] == '.' {
				left++
				continue
			}
			files++
			s := testkit.Must(region.OpenMut[even](filepath.Join(dir, name)))(t)
			for i, x := range s.All() {
				if x.ID != uint64(i) {
					t.Fatalf("%s: element %d of %d is %v", name, i, s.Len(), x)
				}
			}
			if s.Len() < rows {
				t.Fatalf("%s has %d elements", name, s.Len())
			}
			testkit.Check(t, s.Close())
		}
	}
	t.Logf("%d kills, %d files whole, %d unfinished", kills, files, left)
}

// A process that migrates a file to and fro is killed: the file is of the one type or the other,
// and whole. TYPEDMEM_SAVE_KILLS says how often.
func TestKilledMigrations(t *testing.T) {
	kills, evens, left := saveKills(t), 0, 0
	dir := t.TempDir()
	path := filepath.Join(dir, "origin")
	r := testkit.Must(region.Create[even](path, rows))(t)
	for i := range rows {
		r.Set(i, even{ID: uint64(i)})
	}
	testkit.Check(t, r.Close())
	for range kills {
		killedSaving(t, "migrate", dir)
		left += len(testkit.Names(t, dir)) - 1
		if e, err := region.OpenMut[even](path); err == nil {
			evens++
			for i, x := range e.All() {
				if e.Len() != rows || x != (even{ID: uint64(i)}) {
					t.Fatalf("element %d of %d is %v", i, e.Len(), x)
				}
			}
			testkit.Check(t, e.Close())
			continue
		} else if !errors.Is(err, typedmem.ErrLayout) {
			t.Fatal(err)
		}
		o := testkit.Must(region.OpenMut[odd](path))(t)
		for i, x := range o.All() {
			if o.Len() != rows || x != (odd{ID: uint64(i)}) {
				t.Fatalf("element %d of %d is %v", i, o.Len(), x)
			}
		}
		testkit.Check(t, o.Close())
	}
	testkit.Check(t, errors.Join(region.Migrate[odd, even](path, nil), region.Migrate[even, odd](path, nil)))
	if names := testkit.Names(t, dir); len(names) != 1 {
		t.Errorf("%v are left", names)
	}
	t.Logf("%d kills, %d files of one type, %d unfinished", kills, evens, left)
}
