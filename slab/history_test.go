package slab_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/typedmem/typedmem/slab"
)

const historyCapacity = 3

// slabState is what a slab holds, by handle: the plain model that histories are checked against.
type slabState [historyCapacity]struct{ handle, value uint64 }

type slabInput struct {
	op            string
	handle, value uint64
}

type slabOutput struct {
	handle, value uint64
	err           error // nil, ErrStale or ErrFull
}

func (s slabState) find(h uint64) int {
	for i := range s {
		if s[i].handle == h {
			return i
		}
	}
	return -1
}

func (s slabState) sorted() slabState {
	slices.SortFunc(s[:], func(a, b struct{ handle, value uint64 }) int { return cmp.Compare(a.handle, b.handle) })
	return s
}

var slabModel = porcupine.Model{
	Init: func() any { return slabState{} },
	Step: func(state, input, output any) (bool, any) {
		s, in, out := state.(slabState), input.(slabInput), output.(slabOutput)
		if in.op == "insert" {
			free := s.find(0)
			if out.err != nil {
				return errors.Is(out.err, slab.ErrFull) && free < 0, s
			}
			if free < 0 || s.find(out.handle) >= 0 {
				return false, s
			}
			s[free].handle, s[free].value = out.handle, in.value
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
			s[i].handle, s[i].value = 0, 0
		case "load":
			return s[i].value == out.value, s
		case "store":
			s[i].value = in.value
		}
		return true, s.sorted()
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v: %+v", in, out) },
}

// Concurrent histories of Insert, Free, Load and Store, in a slab so small that slots change hands all the time, are those of some order of the operations.
func TestHistoriesAreLinearizable(t *testing.T) {
	for round := range rounds(4000) {
		s := must[*slab.Slab[filled]](t)(slab.New[filled](historyCapacity))
		history := record(t, s, uint64(round))
		switch result := porcupine.CheckOperationsTimeout(slabModel, history, 10*time.Second); result {
		case porcupine.Illegal:
			for _, op := range history {
				t.Logf("%d [%d,%d] %+v: %+v", op.ClientId, op.Call, op.Return, op.Input, op.Output)
			}
			t.Fatalf("round %d: this history fits no order", round)
		case porcupine.Unknown:
			t.Logf("round %d: not decided within the time", round)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func record(t *testing.T, s *slab.Slab[filled], seed uint64) []porcupine.Operation {
	const clients, steps = 3, 9
	var known [historyCapacity + 2]atomic.Uint64
	var clock atomic.Int64
	var all [clients][]porcupine.Operation
	var wg sync.WaitGroup
	for client := range clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := rand.New(rand.NewPCG(seed, uint64(client)))
			for step := range steps {
				h := known[r.IntN(len(known))].Load()
				in := slabInput{[]string{"insert", "free", "load", "store"}[r.IntN(4)], h, uint64(client*steps + step + 1)}
				var out slabOutput
				call := clock.Add(1)
				switch in.op {
				case "insert":
					made, err := s.Insert(fill(in.value))
					out = slabOutput{handle: made.Uint64(), err: err}
				case "free":
					out.err = s.Free(slab.HandleFrom[filled](h))
				case "load":
					x, err := s.Load(slab.HandleFrom[filled](h))
					if out = (slabOutput{value: x[0], err: err}); !x.whole() {
						out.value = ^uint64(0)
					}
				case "store":
					out.err = s.Store(slab.HandleFrom[filled](h), fill(in.value))
				}
				all[client] = append(all[client], porcupine.Operation{ClientId: client, Input: in, Call: call, Output: out, Return: clock.Add(1)})
				if in.op == "insert" && out.err == nil {
					known[r.IntN(len(known))].Store(out.handle)
				}
			}
		}()
	}
	wg.Wait()
	return slices.Concat(all[:]...)
}
