//go:build race

// The race program uses objects of a slab from two goroutines in the way that its argument names.
// The tests of package slab build it with -race.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/typedmem/typedmem/slab"
)

type object struct{ A, B uint64 }

type handle = slab.Handle[object]

// together runs both at once, and returns when both are through.
func together(a, b func()) {
	var wg sync.WaitGroup
	wg.Add(2)
	go func() { defer wg.Done(); a() }()
	go func() { defer wg.Done(); b() }()
	wg.Wait()
}

// apart runs f in a goroutine of its own, and returns when it is through, which the detector does
// not learn.
func apart(f func()) {
	var over atomic.Bool
	go func() {
		f()
		runtime.RaceDisable()
		over.Store(true)
		runtime.RaceEnable()
	}()
	for through := false; !through; runtime.Gosched() {
		runtime.RaceDisable()
		through = over.Load()
		runtime.RaceEnable()
	}
}

func must[T any](x T, err error) T {
	check(err)
	return x
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// sameSlot returns the next object in the slot of h, which was freed. It is nearly always the first
// one; not if this goroutine's stack has moved since.
func sameSlot(s *slab.Slab[object], h handle) handle {
	for {
		if next := must(s.Alloc()); uint32(next.Uint64()) == uint32(h.Uint64()) {
			return next
		}
	}
}

// Each case gets a slab and one of its objects. Raw access and an operation that writes, which
// nothing orders, are a race.
var racy = map[string]func(*slab.Slab[object], handle){
	"Ptr and Store": func(s *slab.Slab[object], h handle) {
		together(func() { use(s, h) }, func() { check(s.Store(h, object{1, 2})) })
	},
	"Ptr and Update": func(s *slab.Slab[object], h handle) {
		together(func() { use(s, h) }, func() { check(s.Update(h, func(o *object) { o.A++ })) })
	},
	"Ptr and Free": func(s *slab.Slab[object], h handle) {
		apart(func() { use(s, h) })
		check(s.Free(h))
	},
	"Ptr and Free through a Cache": func(s *slab.Slab[object], h handle) {
		apart(func() { use(s, h) })
		check(s.Cache().Free(h))
	},
	"a slot that was used before": func(s *slab.Slab[object], h handle) {
		for range 100 {
			check(s.Free(h))
			h = must(s.Alloc())
		}
		together(func() { use(s, h) }, func() { check(s.Store(h, object{1, 2})) })
	},
	"an object of a Cache": func(s *slab.Slab[object], _ handle) {
		c := s.Cache()
		h := must(c.Insert(object{}))
		together(func() { use(s, h) }, func() { check(s.Store(h, object{1, 2})) })
	},
	// That both use the slab orders nothing between them.
	"Alloc and Free beside": func(s *slab.Slab[object], h handle) {
		together(func() { use(s, h) }, func() {
			check(s.Store(h, object{1, 2}))
			check(s.Free(must(s.Alloc())))
		})
	},
	"an object that nobody used before": func(s *slab.Slab[object], h handle) {
		apart(func() { check(s.Store(h, object{1, 2})) })
		use(s, h)
	},
	// What the detector is told of an object orders nothing else: Loads do not order each other.
	"a variable beside": func(s *slab.Slab[object], h handle) {
		apart(func() { shared = 1; must(s.Load(h)) })
		must(s.Load(h))
		shared++
	},
	// A Load publishes nothing, so a Store after it does not see what came before it.
	"a variable before a Load": func(s *slab.Slab[object], h handle) {
		apart(func() { shared = 1; must(s.Load(h)) })
		check(s.Store(h, object{1, 2}))
		shared++
	},
	"a variable beside another object": func(s *slab.Slab[object], h handle) {
		other := must(s.Alloc())
		apart(func() { shared = 1; check(s.Store(h, object{1, 2})) })
		check(s.Store(other, object{1, 2}))
		shared++
	},
}

// seen keeps what was read from raw memory.
var seen uint64

// use reads an object through its address.
func use(s *slab.Slab[object], h handle) { seen += must(s.Ptr(h)).A }

var shared int

// Load, Store, Update, Insert and Free of one object order each other, as operations of sync/atomic
// do.
var clean = map[string]func(*slab.Slab[object], handle){
	"Load and Store": func(s *slab.Slab[object], h handle) {
		together(func() { must(s.Load(h)) }, func() { check(s.Store(h, object{1, 2})) })
	},
	"two Stores": func(s *slab.Slab[object], h handle) {
		together(func() { check(s.Store(h, object{1, 2})) }, func() { check(s.Store(h, object{3, 4})) })
	},
	// The addresses may go unused.
	"All, Insert, Store and Free": func(s *slab.Slab[object], h handle) {
		together(func() {
			for range s.All() {
			}
		}, func() { check(s.Store(h, object{1, 2})); check(s.Free(must(s.Alloc()))) })
	},
	"Values and Store": func(s *slab.Slab[object], h handle) {
		together(func() {
			for range s.Values() {
			}
		}, func() { check(s.Store(h, object{1, 2})) })
	},
	"Load, Has and Free": func(s *slab.Slab[object], h handle) {
		together(func() { s.Has(h); _, _ = s.Load(h) }, func() { check(s.Free(h)) })
	},
	"a Store that is seen": func(s *slab.Slab[object], h handle) {
		together(func() { shared = 1; check(s.Store(h, object{A: 1})) }, func() {
			for must(s.Load(h)).A == 0 {
				runtime.Gosched()
			}
			shared++
		})
	},
	"an Update that is seen": func(s *slab.Slab[object], h handle) {
		together(func() { shared = 1; check(s.Update(h, func(o *object) { o.A = 1 })) }, func() {
			for must(s.Load(h)).A == 0 {
				runtime.Gosched()
			}
			shared++
		})
	},
	"Updates": func(s *slab.Slab[object], h handle) {
		add := func() {
			for range 1000 {
				check(s.Update(h, func(o *object) { o.A++; shared++ }))
			}
		}
		together(add, add)
		if must(s.Load(h)).A != 2000 || shared != 2000 {
			panic("additions were lost")
		}
	},
	"an Insert that is seen": func(s *slab.Slab[object], _ handle) {
		c := s.Cache()
		for i, insert := range []func(object) (handle, error){s.Insert, c.Insert} {
			apart(func() { shared = 1; must(insert(object{A: uint64(i) + 5})) })
			for h := range s.All() {
				if must(s.Load(h)).A == uint64(i)+5 {
					shared++
				}
			}
		}
		if shared != 2 {
			panic("an object was not seen")
		}
	},
	"a Free that is seen": func(s *slab.Slab[object], _ handle) {
		for _, free := range []func(handle) error{s.Free, func(h handle) error { return s.Cache().Free(h) }} {
			h, other := must(s.Alloc()), must(s.Alloc())
			apart(func() { shared = 1; check(free(h)) })
			if s.Has(h) {
				panic("the object lives")
			}
			shared++
			apart(func() { shared = 1; check(free(other)) })
			if _, err := s.Load(other); err == nil {
				panic("the object lives")
			}
			shared++
		}
	},
	"two Loads": func(s *slab.Slab[object], h handle) {
		together(func() { must(s.Load(h)) }, func() { must(s.Load(h)) })
	},
	"neighbours": func(s *slab.Slab[object], h handle) {
		other := must(s.Alloc())
		together(func() { check(s.Store(h, object{1, 2})) }, func() { check(s.Store(other, object{3, 4})) })
	},
	"a channel": func(s *slab.Slab[object], h handle) {
		done := make(chan bool)
		together(func() { check(s.Store(h, object{1, 2})); done <- true }, func() {
			<-done
			if must(s.Load(h)) != (object{1, 2}) {
				panic("the Store was not seen")
			}
		})
	},
	"a mutex": func(s *slab.Slab[object], h handle) {
		var mu sync.Mutex
		add := func() {
			for range 1000 {
				mu.Lock()
				x := must(s.Load(h))
				x.A++
				check(s.Store(h, x))
				mu.Unlock()
			}
		}
		together(add, add)
		if must(s.Load(h)).A != 2000 {
			panic("additions were lost")
		}
	},
	// One makes objects, the other frees them: their slots come back to the first.
	"objects handed over": func(s *slab.Slab[object], _ handle) {
		handles := make(chan handle, 16)
		together(func() {
			for i := range uint64(20000) {
				h := must(s.Insert(object{i, i}))
				check(s.Store(h, object{i, i + 1}))
				handles <- h
			}
			close(handles)
		}, func() {
			c := s.Cache()
			free := s.Free
			for h := range handles {
				if x := must(s.Load(h)); x.A+1 != x.B {
					panic(x)
				}
				check(s.Store(h, object{}))
				check(free(h))
				if x := must(s.Insert(object{1, 1})); h.Uint64()%2 == 0 {
					check(s.Free(x))
					free = s.Free
				} else {
					check(c.Free(x))
					free = c.Free
				}
			}
			check(c.Close())
		})
	},
	// Slots pass between goroutines that know nothing of each other, each of which writes its own
	// objects.
	"slots that change hands": func(s *slab.Slab[object], _ handle) {
		work := func() {
			for i := range uint64(20000) {
				h := must(s.Alloc())
				check(s.Store(h, object{i, i}))
				if must(s.Load(h)).A != i {
					panic("another one's object")
				}
				check(s.Free(h))
			}
		}
		together(work, func() { together(work, work) })
	},
	// Nothing tells the detector that the Load of an object is over when its slot gets the next
	// owner.
	"the next owner": func(s *slab.Slab[object], h handle) {
		apart(func() { must(s.Load(h)) })
		check(s.Free(h))
		check(s.Store(sameSlot(s, h), object{1, 2}))
	},
	// The same for an owner so many objects later that what stands for the first one could have
	// come round.
	"an owner much later": func(s *slab.Slab[object], h handle) {
		apart(func() { must(s.Load(h)) })
		last := h
		for i := 1; i <= 1024; i++ {
			check(s.Free(last))
			last = sameSlot(s, h)
			if i&(i-1) == 0 { // more of them would push the Load out of what the detector remembers
				check(s.Store(last, object{1, 2}))
			}
		}
	},
	// A Load that loses against the Free returns ErrStale and is no race with the next
	// owner.
	"a stale handle": func(s *slab.Slab[object], _ handle) {
		var current atomic.Uint64
		var done atomic.Bool
		together(func() {
			for i := range uint64(20000) {
				h := must(s.Insert(object{i, i}))
				current.Store(h.Uint64())
				check(s.Free(h))
				h = must(s.Alloc())
				check(s.Store(h, object{i, 0}))
				check(s.Free(h))
			}
			done.Store(true)
		}, func() {
			for !done.Load() {
				if x, err := s.Load(slab.HandleFrom[object](current.Load())); err == nil && x.A != x.B {
					panic(x)
				}
			}
		})
	},
}

func main() {
	s := must(slab.New[object](1000))
	h := must(s.Alloc())
	if f := racy[os.Args[1]]; f != nil {
		f(s, h)
	} else if f := clean[os.Args[1]]; f != nil {
		f(s, h)
	} else if os.Args[1] == "list" {
		for name := range racy {
			fmt.Println("racy", name)
		}
		for name := range clean {
			fmt.Println("clean", name)
		}
		return
	} else {
		panic("no case named " + os.Args[1])
	}
	check(s.Close())
}
