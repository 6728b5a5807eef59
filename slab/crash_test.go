package slab_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

// claim is an object that says itself whether its bytes are whole.
type claim struct {
	ID, Version, Not uint64
	_                [5]uint64
}

func newClaim(id, version uint64) claim {
	return claim{ID: id, Version: version, Not: ^(id ^ version<<32)}
}
func (c claim) whole() bool { return c.Not == ^(c.ID ^ c.Version<<32) }

const crashCapacity = 600

// TestCrashChild is the writer that the parent kills. What it is about to do, and what it did, it
// writes to its standard output.
func TestCrashChild(t *testing.T) {
	path := os.Getenv("TYPEDMEM_CRASH_FILE")
	if path == "" {
		t.Skip("runs as the child of TestKilledWritersLoseNothing")
	}
	from := testkit.Must(strconv.ParseUint(os.Getenv("TYPEDMEM_CRASH_FROM"), 10, 64))(t)
	s := testkit.Must(slab.OpenFile[claim](path, slab.FileOptions{Write: true, Debug: from>>32%2 == 0}))(t)
	var mu sync.Mutex
	var mine [2][]slab.Handle[claim]
	i := 0
	for h := range s.All() {
		mine[i%2] = append(mine[i%2], h)
		i++
	}
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(os.Stdout, format+"\n", args...)
	}
	say("ready")
	for g := range 2 {
		go func() {
			r := rand.New(rand.NewPCG(from, uint64(g)))
			c := s.Cache()
			live := mine[g]
			for n := uint64(0); ; n++ {
				id := from + n*2 + uint64(g)
				switch op := r.IntN(20); {
				case op < 9:
					insert := s.Insert
					if op%2 == 0 {
						insert = c.Insert
					}
					say("insert %d", id)
					h, err := insert(newClaim(id, 0))
					if errors.Is(err, slab.ErrFull) {
						continue
					}
					if err != nil {
						say("error %v", err)
						return
					}
					say("inserted %d %d", id, h.Uint64())
					live = append(live, h)
				case op < 18 && len(live) > 0:
					free := s.Free
					if op%2 == 0 {
						free = c.Free
					}
					k := r.IntN(len(live))
					h := live[k]
					live[k] = live[len(live)-1]
					live = live[:len(live)-1]
					say("free %d", h.Uint64())
					if err := free(h); err != nil {
						say("error %v", err)
						return
					}
					say("freed %d", h.Uint64())
				case op == 18 && len(live) > 0:
					h := live[r.IntN(len(live))]
					x, err := s.Load(h)
					if err == nil {
						say("store %d", h.Uint64())
						err = s.Store(h, newClaim(x.ID, x.Version+1))
						say("stored %d", h.Uint64())
					}
					if err != nil {
						say("error %v", err)
						return
					}
				case op == 19 && r.IntN(10) == 0:
					if err := s.Sync(); err != nil {
						say("error %v", err)
						return
					}
				}
			}
		}()
	}
	select {}
}

// A writer is killed at a random instant, again and again: every object whose Insert returned and
// whose Free did not begin is there, no object whose Free returned is, and no slot is both free and
// in use.
func TestKilledWritersLoseNothing(t *testing.T) {
	testenv.Processes(t)
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	if n, err := strconv.Atoi(os.Getenv("TYPEDMEM_CRASH_ROUNDS")); err == nil {
		rounds = n
	}
	program, err := os.Executable()
	if err != nil {
		t.Skip("the test binary does not know its name: ", err)
	}
	path := filepath.Join(t.TempDir(), "s")
	s := testkit.Must(slab.Create[claim](path, crashCapacity))(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	live := map[uint64]uint64{} // handle to object
	stale := map[uint64]bool{}
	for round := range rounds {
		cmd := exec.Command(program, "-test.run=^TestCrashChild$", "-test.timeout=1m")
		cmd.Env = append(os.Environ(), "TYPEDMEM_CRASH_FILE="+path, fmt.Sprintf("TYPEDMEM_CRASH_FROM=%d", uint64(round+1)<<32))
		cmd.Stderr = os.Stderr
		out := testkit.Must(cmd.StdoutPipe())(t)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(out)
		first, err := reader.ReadString('\n')
		if err != nil || strings.TrimSpace(first) != "ready" {
			_ = cmd.Process.Kill()
			t.Fatalf("the child says %q (%v)", first, err)
		}
		time.AfterFunc(time.Duration(rand.IntN(20000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
		log := testkit.Must(io.ReadAll(reader))(t)
		_ = cmd.Wait()

		inserting, freeing, storing := map[uint64]bool{}, map[uint64]bool{}, map[uint64]bool{}
		for line := range bytes.Lines(log) {
			if !bytes.HasSuffix(line, []byte("\n")) {
				break
			}
			var what string
			var a, b uint64
			n, _ := fmt.Sscan(string(line), &what, &a, &b)
			switch {
			case what == "error" || n == 0:
				t.Fatalf("round %d: the child says %s", round, line)
			case what == "insert":
				inserting[a] = true
			case what == "inserted":
				delete(inserting, a)
				if _, twice := live[b]; twice || stale[b] {
					t.Fatalf("round %d: handle %x twice", round, b)
				}
				live[b] = a
			case what == "free":
				freeing[a] = true
			case what == "freed":
				delete(freeing, a)
				delete(live, a)
				stale[a] = true
			case what == "store":
				storing[a] = true
			case what == "stored":
				delete(storing, a)
			}
		}

		before := testkit.Must(os.ReadFile(path))(t)
		ro := testkit.Must(slab.Open[claim](path))(t)
		found := survivors(t, ro, round, live, stale, inserting, freeing, storing)
		if err := ro.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, testkit.Must(os.ReadFile(path))(t)) {
			t.Fatal("Open has changed the file")
		}
		s := testkit.Must(slab.OpenMut[claim](path))(t)
		survivors(t, s, round, live, stale, inserting, freeing, storing)
		live = found
		// Every slot that holds no object can be used, none of them twice, and what was freed stays
		// so.
		var fill []slab.Handle[claim]
		for range crashCapacity - len(live) {
			h, err := s.Insert(claim{})
			if err != nil {
				t.Fatalf("round %d: %d objects, %d more: %v", round, len(live), len(fill), err)
			}
			if _, twice := live[h.Uint64()]; twice || stale[h.Uint64()] {
				t.Fatalf("round %d: handle %x twice", round, h.Uint64())
			}
			fill = append(fill, h)
		}
		_, err = s.Alloc()
		testkit.Is(t, err, slab.ErrFull)
		for _, h := range fill {
			if err := s.Free(h); err != nil {
				t.Fatal(err)
			}
			stale[h.Uint64()] = true
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// survivors compares a slab with what the log of its killed writer says and returns its objects.
func survivors(t *testing.T, s *slab.Slab[claim], round int, live map[uint64]uint64, stale, inserting, freeing, storing map[uint64]bool) map[uint64]uint64 {
	t.Helper()
	found := map[uint64]uint64{}
	for h, p := range s.All() {
		u := h.Uint64()
		id, known := live[u]
		switch {
		case !known && !inserting[p.ID]:
			t.Fatalf("round %d: object %x with id %d that nobody made", round, u, p.ID)
		case known && p.ID != id:
			t.Fatalf("round %d: object %x has id %d, want %d", round, u, p.ID, id)
		case !p.whole() && !storing[u]:
			t.Fatalf("round %d: object %x is torn: %v", round, u, *p)
		}
		found[u] = p.ID
	}
	for u := range live {
		if _, there := found[u]; !there && !freeing[u] {
			t.Fatalf("round %d: object %x is gone", round, u)
		}
	}
	for u := range stale {
		if s.Has(slab.HandleFrom[claim](u)) {
			t.Fatalf("round %d: object %x is back", round, u)
		}
	}
	return found
}
