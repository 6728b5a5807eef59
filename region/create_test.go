package region_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/typedmem/typedmem/region"
)

// childCreator creates files until it is killed.
func childCreator(dir string) int {
	for i := 0; ; i++ {
		r, err := region.Create[pair](filepath.Join(dir, fmt.Sprintf("%d-%d", os.Getpid(), i)), 3)
		if err == nil {
			err = errors.Join(r.Append(pair{1, 2}), r.Close())
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
		if i == 0 {
			fmt.Println("ready")
		}
	}
}

// A process that creates files is killed, again and again: each file is there whole or not at all, for who opens it meanwhile too, and what else
// is left goes with the next create of that name.
func TestKilledCreatesLeaveWholeFilesOrNone(t *testing.T) {
	kills := 80
	if testing.Short() {
		kills = 8
	}
	if n, err := strconv.Atoi(os.Getenv("TYPEDMEM_CREATE_KILLS")); err == nil {
		kills = n
	}
	dir := t.TempDir()
	leftovers, whole := 0, 0
	for range kills {
		cmd, _, out := child(t, "creator", dir)
		if !out.Scan() || out.Text() != "ready" {
			_ = cmd.Process.Kill()
			t.Fatalf("the child says %q", out.Text())
		}
		deadline := time.Now().Add(time.Duration(rand.IntN(4000)) * time.Microsecond)
		for killed := false; !killed; { // a reader opens what is there, at least once
			if killed = time.Now().After(deadline); killed {
				_ = cmd.Process.Kill()
			}
			for _, name := range names(t, dir) {
				if strings.HasPrefix(name, ".") {
					continue
				}
				r, err := region.Open[pair](filepath.Join(dir, name))
				if err == nil {
					err = r.Close()
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		for out.Scan() {
			t.Fatal(out.Text())
		}
		_ = cmd.Wait()
		for _, name := range names(t, dir) {
			path := filepath.Join(dir, name)
			if strings.HasPrefix(name, ".") {
				leftovers++
				path = filepath.Join(dir, strings.TrimSuffix(strings.TrimPrefix(name, "."), ".typedmem-0"))
				r, err := region.Create[pair](path, 0)
				if err == nil {
					err = errors.Join(r.Close(), os.Remove(path))
				}
				if err != nil {
					t.Fatal(err)
				}
				continue
			}
			whole++
			r, err := region.OpenMut[pair](path)
			if err != nil || r.Len() != 3 && r.Len() != 4 {
				t.Fatal(err, r.Len())
			}
			if err := errors.Join(r.Close(), os.Remove(path)); err != nil {
				t.Fatal(err)
			}
		}
		if left := names(t, dir); len(left) > 0 {
			t.Fatalf("%q are left", left)
		}
	}
	t.Logf("%d whole files, %d leftovers", whole, leftovers)
}

func names(t *testing.T, dir string) (list []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// A region that cannot be made leaves no file, and a file that appears meanwhile stays.
func TestCreateThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, err := region.Create[pair](filepath.Join(dir, "x"), math.MaxInt/16); err == nil {
		t.Fatal("a region as large as an int can say")
	}
	if left := names(t, dir); len(left) > 0 {
		t.Fatalf("%q are left", left)
	}
	r, err := region.Create[pair](filepath.Join(dir, "x"), 2)
	if err == nil {
		err = r.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := region.Create[pair](filepath.Join(dir, "x"), 1); !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	if left := names(t, dir); !slices.Equal(left, []string{"x"}) {
		t.Fatalf("%q are left", left)
	}
}
