package slab

import (
	"errors"
	"sync"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/slots"
)

// reader is the kind of a slab file that is open for reading. It works on the words in the file.
type reader struct {
	file
	mu     sync.Mutex
	closed bool
}

func (r *reader) follow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	p := &r.c.pool
	used, err := r.f.Refresh()
	if err != nil || used <= p.Used() || uintptr(used) > p.Cap {
		return
	}
	if r.c.m.Resize(used*int(p.Size)) == nil {
		p.SetUsed(used)
	}
}

// stats counts the objects by the writer's words.
func (r *reader) stats() Stats {
	p := &r.c.pool
	s := Stats{Free: int(p.Cap)}
	// A file that is cut off meanwhile ends the count.
	_ = typedmem.Guard(func() error {
		r.follow()
		s.Committed = uint64(p.Used()) * uint64(p.Size+8)
		for i := range uintptr(p.Used()) {
			switch word := slots.Load(p.Word(i)); {
			case slots.IsLive(word):
				s.Live++
				s.Free--
			case slots.Generation(word) == slots.Retired:
				s.Retired++
				s.Free--
			}
		}
		return nil
	})
	return s
}

func (r *reader) close(bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return errors.Join(r.m.Close(), r.f.Close(-1))
}
