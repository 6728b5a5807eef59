package slab_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/slab"
)

const historyCapacity = 3

// slabState is what a slab holds, by handle: the plain model that histories are checked against.
type slabState struct {
	objects [historyCapacity]struct{ handle, value uint64 }
	closed  bool
	parked  int // how many free slots caches may keep to themselves
}

type slabInput struct {
	op            string
	handle, value uint64
	protects      bool // the memory is protected now and then
	held          int  // slots that inserts beside this one had, and gave back since they faulted
	closing       bool // Close ran beside this one: it takes writes away first, then reads
}

type slabOutput struct {
	handle, value uint64
	err           error // nil, ErrStale, ErrFull, ErrClosed or a fault
}

func (s slabState) find(h uint64) int {
	for i := range s.objects {
		if s.objects[i].handle == h {
			return i
		}
	}
	return -1
}

func (s slabState) sorted() slabState {
	slices.SortFunc(s.objects[:], func(a, b struct{ handle, value uint64 }) int { return cmp.Compare(a.handle, b.handle) })
	return s
}

var slabModel = porcupine.Model{
	Init: func() any { return slabState{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(slabState), input.(slabInput), output.(slabOutput)
		var fault *typedmem.FaultError
		switch {
		case in.op == "close":
			ok := s.closed == (out.err != nil)
			s.closed = true
			return ok, s
		case errors.Is(out.err, typedmem.ErrClosed):
			return s.closed || in.closing, s
		case in.protects && (errors.Is(out.err, typedmem.ErrProtection) || errors.As(out.err, &fault)):
			return true, s // it has done nothing
		case errors.As(out.err, &fault):
			return s.closed, s // memory that Close took away beneath the operation
		case s.closed:
			// An operation that Close overtook ends as if it had come before: it has no place here.
			return false, s
		}
		if in.op == "insert" {
			free := s.find(0)
			if out.err != nil {
				n := 0
				for _, o := range s.objects {
					if o.handle == 0 {
						n++
					}
				}
				return errors.Is(out.err, slab.ErrFull) && n <= s.parked+in.held, s
			}
			if free < 0 || s.find(out.handle) >= 0 {
				return false, s
			}
			s.objects[free].handle, s.objects[free].value = out.handle, in.value
			return true, s.sorted()
		}
		i := -1 // the zero handle stands for a free place in the state only
		if in.handle != 0 {
			i = s.find(in.handle)
		}
		if out.err != nil {
			return errors.Is(out.err, slab.ErrStale) && i < 0, s
		}
		if i < 0 {
			return false, s
		}
		switch in.op {
		case "free":
			s.objects[i].handle, s.objects[i].value = 0, 0
		case "load":
			return s.objects[i].value == out.value, s
		case "store":
			s.objects[i].value = in.value
		case "update": // adds, and shows what was there
			if s.objects[i].value != out.value {
				return false, s
			}
			s.objects[i].value += in.value
		}
		return true, s.sorted()
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v: %+v", in, out) },
}

// Concurrent histories of all operations on objects, in a slab so small that slots change hands all
// the time, are those of some order of the operations: of Slab, of Caches that give back, and where
// the memory is protected now and then, so that operations fault. Beside a Close an operation may
// return ErrClosed while another one, a moment later, still works; after it none does.
func TestHistoriesAreLinearizable(t *testing.T) {
	testenv.FaultAddresses(t)
	for round := range rounds(4000) {
		mode := []string{"plain", "caches", "close", "protect"}[round%4]
		s := testkit.Must(slab.New[filled](historyCapacity + historyFiller))(t)
		for range historyFiller {
			testkit.Must(s.Alloc())(t)
		}
		model := slabModel
		model.Init = func() any {
			if mode == "caches" { // two caches, and an eighth of 16 slots
				return slabState{parked: 2}
			}
			return slabState{}
		}
		history := record(t, s, mode, uint64(round))
		switch result := porcupine.CheckOperationsTimeout(model, history, 10*time.Second); result {
		case porcupine.Illegal:
			for _, op := range history {
				t.Logf("%d [%d,%d] %+v: %+v %v", op.ClientId, op.Call, op.Return, op.Input, op.Output, op.Output.(slabOutput).err)
			}
			t.Fatalf("round %d, %s: this history fits no order", round, mode)
		case porcupine.Unknown:
			t.Logf("round %d: not decided within the time", round)
		}
		if err := s.Close(); err != nil && mode != "close" {
			t.Fatal(err)
		}
	}
}

// historyFiller is how many objects lie in the slab all the time.
const historyFiller = 13

func record(t *testing.T, s *slab.Slab[filled], mode string, seed uint64) []porcupine.Operation {
	const clients, steps = 3, 9
	var known [historyCapacity + 2]atomic.Uint64
	var clock atomic.Int64
	var all [clients + 1][]porcupine.Operation
	var wg sync.WaitGroup
	ops := []string{"insert", "free", "load", "values", "store", "update"}
	if mode == "protect" { // a Store that faults half-way has changed half of the object
		ops = ops[:4]
	}
	var running atomic.Int64
	running.Store(clients)
	for client := range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer running.Add(-1)
			r := rand.New(rand.NewPCG(seed, uint64(client)))
			insert, free := s.Insert, s.Free
			if mode == "caches" && client < 2 {
				c := s.Cache()
				defer c.Close()
				insert, free = c.Insert, c.Free
			}
			for step := range steps {
				h := known[r.IntN(len(known))].Load()
				in := slabInput{ops[r.IntN(len(ops))], h, uint64(client*steps + step + 1), mode == "protect", 0, false}
				var out slabOutput
				add := func(in slabInput, call int64) {
					all[client] = append(all[client], porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: clock.Add(1)})
				}
				call := clock.Add(1)
				err := typedmem.Guard(func() error {
					switch in.op {
					case "insert":
						made, err := insert(fill(in.value))
						out.handle = made.Uint64()
						return err
					case "free":
						return free(slab.HandleFrom[filled](h))
					case "load":
						x, err := s.Load(slab.HandleFrom[filled](h))
						if out.value = x[0]; !x.whole() {
							out.value = ^uint64(0)
						}
						return err
					case "values": // each is a Load of its own
						for g, x := range s.Values() {
							if out.value = x[0]; !x.whole() {
								out.value = ^uint64(0)
							}
							if x[0] != 0 { // else a filler
								add(slabInput{"load", g.Uint64(), 0, in.protects, 0, false}, call)
							}
						}
					case "store":
						return s.Store(slab.HandleFrom[filled](h), fill(in.value))
					case "update":
						return s.Update(slab.HandleFrom[filled](h), func(x *filled) {
							out.value = x[0]
							*x = fill(x[0] + in.value)
						})
					}
					return nil
				})
				if out.err = err; in.op != "values" {
					add(in, call)
				}
				if in.op == "insert" && err == nil {
					known[r.IntN(len(known))].Store(out.handle)
				}
			}
		}()
	}
	switch mode {
	case "close":
		for n := int64(seed % 40); clock.Load() < n && running.Load() > 0; {
			runtime.Gosched()
		}
		call := clock.Add(1)
		err := s.Close()
		all[clients] = []porcupine.Operation{{ClientId: clients, Input: slabInput{op: "close"}, Call: call, Output: slabOutput{err: err}, Return: clock.Add(1)}}
	case "protect":
		for running.Load() > 0 {
			if err := errors.Join(s.Mapping().MakeReadOnly(), s.Mapping().MakeMut()); err != nil {
				t.Error(err)
				break
			}
			runtime.Gosched()
		}
	}
	wg.Wait()
	history := slices.Concat(all[:]...)
	for i := range history {
		in, out := history[i].Input.(slabInput), history[i].Output.(slabOutput)
		for _, other := range history {
			if other.Call >= history[i].Return || history[i].Call >= other.Return {
				continue
			}
			var fault *typedmem.FaultError
			switch other.Input.(slabInput).op {
			case "insert":
				if errors.Is(out.err, slab.ErrFull) && errors.As(other.Output.(slabOutput).err, &fault) {
					in.held++
				}
			case "close":
				in.closing = true
			}
		}
		history[i].Input = in
	}
	return history
}
