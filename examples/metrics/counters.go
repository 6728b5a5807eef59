package main

import (
	"sync/atomic"

	"github.com/typedmem/typedmem/region"
)

// workers is how many elements a new file has.
const workers = 64

// Counters is an element of the file: what the worker of its index has counted, in all processes
// that were this worker. Each counter is exact at every instant. Two of them may be of different
// instants: a worker that is killed between two Adds has counted a line and not its bytes.
type Counters struct {
	Lines  atomic.Uint64
	Bytes  atomic.Uint64
	Errors atomic.Uint64 // lines that have the word error
	Starts atomic.Uint64 // processes that were this worker
	_      [32]byte      // a cache line for each worker, so that they do not slow each other down
}

// open opens the file as one of several writers. None of them needs to close it.
func open(path string) (*region.Region[Counters], error) {
	return region.OpenFile[Counters](path, region.FileOptions{Write: true, Create: true, Shared: true, Len: workers})
}
