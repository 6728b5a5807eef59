package crashtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

// In the process that appends to the file that is followed.
const (
	followed = "TYPEDMEM_FOLLOWED" // the file
	shrinks  = "TYPEDMEM_SHRINKS"  // whether it makes the file shorter, too
)

// mostFollowed is how many elements the file has at most: they fit a reader of 32 bits, whose range
// does not grow, however long a writer works before it is killed.
const mostFollowed = 200_000

// appendForever opens the file and appends batches until it is killed. An element has its index and
// random numbers, so that one which was not published, or was cut off, differs from its successor.
func appendForever(path string) error {
	w, err := region.OpenMut[[16]uint64](path)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		xs := make([][16]uint64, min(1+rand.IntN(100), mostFollowed-w.Len()))
		for i := range xs {
			for k := range xs[i] {
				xs[i][k] = rand.Uint64()
			}
			xs[i][0] = uint64(w.Len() + i)
		}
		if err := w.Append(xs...); err != nil {
			return err
		}
		switch rand.IntN(20) {
		case 0:
			time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
		case 1:
			if os.Getenv(shrinks) != "" && rand.IntN(10) == 0 {
				if err := w.Resize(max(0, w.Len()-rand.IntN(500))); err != nil {
					return err
				}
			}
		case 2:
			if err := w.Close(); err != nil {
				return err
			}
			if w, err = region.OpenMut[[16]uint64](path); err != nil {
				return err
			}
		}
	}
}

// A reader follows a file whose writer is killed at random instants and started again. It is given
// each element that the file has in the end, once and in order. TYPEDMEM_KILLS says how often.
func TestFollowAcrossKilledWriters(t *testing.T) { followKilled(t, "") }

// The same where writers make the file shorter: then the loop ends, and begins anew.
func TestFollowAcrossKilledWritersThatShrink(t *testing.T) { followKilled(t, "yes") }

func followKilled(t *testing.T, shrink string) {
	testenv.Processes(t)
	kills := 20
	if testing.Short() {
		kills = 5
	}
	if n, err := strconv.Atoi(os.Getenv("TYPEDMEM_KILLS")); err == nil {
		kills = n
	}
	path := filepath.Join(t.TempDir(), "r")
	testkit.Check(t, closed(region.Create[[16]uint64](path, 0)))
	r, err := region.Open[[16]uint64](path)
	testkit.Check(t, err)
	defer r.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var sums []uint64 // of each element as it was yielded
	batches, loops := 0, 0
	ended := make(chan error)
	go func() {
		var last error
		for last == nil || shrink != "" && errors.Is(last, typedmem.ErrBounds) {
			sums = sums[:0]
			loops++
			for v, err := range r.Follow(ctx) {
				last = err
				batches++
				for x := range v.Values() {
					sums = append(sums, sum(x))
				}
			}
		}
		ended <- last
	}()
	for range kills {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), followed+"="+path, shrinks+"="+shrink)
		cmd.Stderr = os.Stderr
		pipe, err := cmd.StdoutPipe()
		testkit.Check(t, err)
		testkit.Check(t, cmd.Start())
		line, err := bufio.NewReader(pipe).ReadString('\n')
		if err != nil || line[:5] != "ready" {
			t.Errorf("the writer says %q (%v)", line, err)
		}
		time.Sleep(time.Duration(rand.IntN(10_000)) * time.Microsecond) // the instant of the kill
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	whole, err := region.Open[[16]uint64](path)
	testkit.Check(t, err)
	defer whole.Close()
	if len(sums) != whole.Len() {
		t.Fatalf("%d elements were yielded, the file has %d", len(sums), whole.Len())
	}
	for i, x := range whole.All() {
		if x[0] != uint64(i) || sums[i] != sum(x) {
			t.Fatalf("element %d is %d, and was yielded as another one: %v", i, x[0], sums[i] != sum(x))
		}
	}
	t.Logf("%d kills, %d elements, %d batches in %d loops", kills, len(sums), batches, loops)
}

func sum(x [16]uint64) (s uint64) {
	for _, y := range x {
		s = s*31 + y
	}
	return s
}
