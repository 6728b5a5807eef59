package typedmem

import (
	"errors"
	"fmt"
	"weak"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
)

// call is the part of the plan that one call of sys.Map takes: n bytes that begin at the given
// distance from the first page.
func (p *plan) call(addr uintptr, from, n int) sys.Request {
	return sys.Request{
		Addr:     addr,
		Len:      n,
		Prot:     p.Protection,
		Flags:    p.Flags,
		Unsafe:   p.Unsafe,
		System:   p.System,
		PageSize: p.PageSize,
		File:     p.File,
		Offset:   p.Offset - int64(p.delta) + int64(from),
	}
}

// mapPages is [sys.Map], and gives anonymous memory its name. It is for people: that the system
// does not take it is no error.
func (p *plan) mapPages(r sys.Request) (addr uintptr, err error) {
	addr, err = sys.Map(r)
	if err == nil && p.Name != "" && !p.HasFile {
		_ = sys.Name(addr, r.Len, p.Name)
	}
	return addr, err
}

// newMapped makes a mapping. The terminal methods of options.Options end here. On error nothing is
// left mapped or open.
func newMapped(r mem.Request) (*Mapping, error) {
	fail := func(err error) (*Mapping, error) {
		return nil, &Error{Op: "map", Addr: r.Address, Len: max(r.Size, 0), Err: err}
	}
	p, err := request(r).check()
	if err != nil {
		return fail(err)
	}
	s := &span{reserved: p.reserved, private: !p.HasFile && !p.Flags.Has(flags.Shared)}
	if r.File != nil {
		// A mapping with a capacity can grow: within its last page, or back to a former length.
		if s.backing, err = newBacking(r.File, r.FileOwner, p.Reserve || p.Capacity > 0 || sys.FlushNeedsFile); err != nil {
			return fail(err)
		}
	}
	err = p.place(s)
	again := func() bool { // what a fixed address had is gone, and the address may be someone else's by now
		return sys.OutOfAddresses(err) && !errors.Is(err, sys.ErrReplaced) && !errors.Is(err, sys.ErrNotLocked)
	}
	if again() && p.Address != 0 && !p.Unsafe.Has(flags.Fixed) { // a hint; qemu's user mode sometimes looks nowhere else
		p.Address = 0
		err = p.place(s)
	}
	for r.Elastic && again() && !errors.Is(err, errNoAreas) && p.lessCapacity(err) {
		s.reserved = p.reserved
		err = p.place(s)
	}
	for tries := 0; again() && tries < mostReclaims && reclaim(); tries++ {
		err = p.place(s)
	}
	if err != nil {
		err = p.explain(p.reserved, err)
		s.backing.release()
		return fail(err)
	}
	return newMapping(&p, s), nil
}

// place asks the system for the addresses and the memory.
func (p *plan) place(s *span) error {
	if p.Unsafe.Has(flags.Fixed) {
		leave, err := p.replace(s)
		if err == nil {
			defer leave()
			err = p.awaitPages(s)
		}
		return err
	}
	return p.ask(s)
}

// replace is place for flags.Fixed, over whatever is mapped there. It waits for no page, since all
// who release addresses wait for it. Until leave is called nobody takes the new memory over.
func (p *plan) replace(s *span) (leave func(), err error) {
	all := addrRange{p.Address, p.Address + uintptr(p.reserved)}
	lockPlacing(all)
	defer placing.Unlock()
	quick := *p
	quick.Flags &^= flags.Populate | flags.Locked
	err = quick.ask(s)
	if err == nil || errors.Is(err, sys.ErrReplaced) {
		takeOver(all.from, all.to)
	}
	if err != nil {
		return nil, err
	}
	s.enter(weak.Pointer[mem.Limits]{}) // the next one must find it, whose Limits are still to be made
	return beginWork(all), nil
}

// awaitPages carries out the flags that replace leaves. On error nothing of s is left.
func (p *plan) awaitPages(s *span) error {
	switch {
	case s.mapped == 0:
	case p.Flags.Has(flags.Locked):
		if err := sys.Lock(s.base, s.mapped); err != nil {
			_, e := s.release(0, s.reserved)
			s.forget()
			return errors.Join(fmt.Errorf("%w; %w", sys.NotLocked(s.mapped, err), sys.ErrReplaced), e)
		}
	case p.Flags.Has(flags.Populate): // what does not come does so when it is needed
		_ = bringIn(s.base, s.mapped, p.unit, p.Protection.Has(flags.Write) && !p.Flags.Has(flags.Shared))
	}
	return nil
}

func (p *plan) ask(s *span) error {
	if err := areaBudget.admit(); err != nil {
		return err
	}
	if !p.Unsafe.Has(flags.Fixed) { // it may replace what the process has, and then takes no more
		if err := admitAddresses(p.reserved); err != nil {
			return err
		}
	}
	if !p.Reserve && p.reserved == p.mapped {
		addr, err := p.mapPages(p.call(p.Address, 0, p.mapped))
		s.base = addr
		s.fill(p)
		return err
	}
	var err error
	if p.Unsafe.Has(flags.Fixed) {
		s.base, err = p.Address, sys.Hold(p.Address, p.reserved)
	} else if p.Unsafe.Has(flags.JIT) && p.File == nil && !p.Flags.Has(flags.Shared) && p.PageSize == 0 {
		s.base, err = sys.ReserveJIT(p.Address, p.reserved, max(p.unit, sys.Granularity()))
	} else {
		offset := int64(sys.NoFile)
		if p.File != nil {
			offset = p.Offset - int64(p.delta)
		}
		s.base, err = sys.Reserve(p.Address, p.reserved, max(p.unit, sys.Granularity()), offset)
	}
	switch {
	case err != nil:
		return err
	case p.Reserve:
		err = p.rehearse(s.base)
	case p.mapped > 0:
		call := p.call(s.base, 0, p.mapped)
		call.Replace = true
		if _, err = p.mapPages(call); err == nil {
			s.fill(p)
		}
	}
	if err == nil {
		return nil
	}
	if p.Unsafe.Has(flags.Fixed) {
		err = fmt.Errorf("%w; %w", err, sys.ErrReplaced)
	}
	return errors.Join(err, sys.Release(s.base, p.reserved))
}

// rehearse finds out now whether the system would refuse Commit: it maps the first pages of a
// reserved range and releases them. Plain memory is never refused.
func (p *plan) rehearse(base uintptr) error {
	if !p.HasFile && p.PageSize == 0 {
		return nil
	}
	n := min(p.mapped, max(p.unit, sys.Granularity()))
	call := p.call(base, 0, n)
	call.Replace = true
	call.Flags &^= flags.Advice | flags.Locked | flags.Populate // nothing stays for which these count
	if _, err := sys.Map(call); err != nil {
		return err
	}
	return sys.Hold(base, n)
}

// fill notes that the memory of the plan is there.
func (s *span) fill(p *plan) {
	s.mapped, s.reached = p.mapped, p.mapped
	s.ready = p.sure(p.mapped, p.delta+p.Size)
}

// sure returns up to where a mapping whose memory ends at mapped and whose length ends at end, in
// bytes from the first page, can become longer without asking: a file has to be asked.
func (p *plan) sure(mapped, end int) int {
	if p.HasFile {
		return end
	}
	return mapped
}
