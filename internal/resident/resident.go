// Package resident remembers for a short time which pages of a mapping were seen in memory. Asking
// the system costs a call; looking here costs a load and a few instructions without a branch.
//
// What is remembered may be wrong by the time it is used: the system may have dropped the page.
// Then an access waits for the device, or faults, as it would without this package.
package resident

import (
	"math/bits"
	"os"
	"sync/atomic"
	"time"
)

// Pages remembers pages of a range of addresses. All methods are safe for concurrent use.
type Pages struct {
	base uintptr // address of the first page

	// Each word is for 32 pages. The upper half is the Period in which the system was asked about
	// them; the lower half has a bit for each page that was in memory. So a new Period forgets
	// everything without a write. A word that two goroutines write at once may lose bits, and never
	// gains any.
	words []uint64

	full atomic.Bool // all pages that were asked about last were in memory
}

// Everything stands for memory whose pages are always taken to be in memory.
var Everything = new(Pages)

// Period is a span of time, in the upper half of a word. Pages are forgotten when it ends.
type Period uint64

// periodBits is the length of a Period: 2^27 ns, 134 ms. A page that was just used stays in memory
// longer than that, unless somebody drops it.
const periodBits = 27

const wordPages = 32

var (
	start = time.Now()

	// Shift is the logarithm of the size of a page.
	Shift = uint(bits.TrailingZeros(uint(os.Getpagesize())))
)

// Now returns the present Period, which is never that of the zero word.
func Now() Period { return Period(uint64(time.Since(start))>>periodBits+1) << 32 }

// New returns Pages that know nothing yet, for the addresses from the page of base up to end.
func New(base, end uintptr) *Pages {
	base = base >> Shift << Shift
	return &Pages{base: base, words: make([]uint64, (end-base)>>Shift/wordPages+1)}
}

// Base returns the address of the first page.
func (p *Pages) Base() uintptr { return p.base }

// End returns the address up to which pages can be remembered.
func (p *Pages) End() uintptr { return p.base + uintptr(len(p.words))*wordPages<<Shift }

// Page returns the number of the page at an address, which lies between Base and End.
func (p *Pages) Page(addr uintptr) uintptr { return (addr - p.base) >> Shift }

// Lacks returns 0 if a page is known to be in memory, and something else if it is not.
func (p *Pages) Lacks(now Period, page uintptr) uint64 {
	w := atomic.LoadUint64(&p.words[page/wordPages])
	return (w^uint64(now))>>32 | ^(w>>(page%wordPages))&1
}

// Asked reports whether the system was asked about a page in this Period.
func (p *Pages) Asked(now Period, page uintptr) bool {
	return (atomic.LoadUint64(&p.words[page/wordPages])^uint64(now))>>32 == 0
}

// Bounds of how many pages to ask about at once. A call costs some microseconds, and a page some
// nanoseconds. So where all pages are in memory many are asked about at once, and few where the
// answer is of no use. The few fill a cache line of words.
const (
	fewPages  = 256
	MostPages = 4096
)

// Around returns the pages [lo, hi) to ask the system about, of which page is one.
func (p *Pages) Around(page uintptr) (lo, hi uintptr) {
	n := uintptr(fewPages)
	if p.full.Load() {
		n = MostPages
	}
	lo = page / n * n
	return lo, min(lo+n, uintptr(len(p.words))*wordPages)
}

// Set notes what the system said about the pages from lo on, which begins a word: present[i] is 1
// if page lo+i is in memory. It is for one page at least.
func (p *Pages) Set(now Period, lo uintptr, present []byte) {
	all := byte(1)
	for at := 0; at < len(present); at += wordPages {
		w := uint64(now)
		for i, b := range present[at:min(at+wordPages, len(present))] {
			w |= uint64(b&1) << i
			all &= b
		}
		atomic.StoreUint64(&p.words[(lo+uintptr(at))/wordPages], w)
	}
	if full := all == 1; p.full.Load() != full {
		p.full.Store(full)
	}
}

// Add notes that the pages [lo, hi) were brought into memory. It skips those about which the system
// was not asked in this Period.
func (p *Pages) Add(now Period, lo, hi uintptr) {
	for ; lo < hi; lo++ {
		at := &p.words[lo/wordPages]
		for {
			w := atomic.LoadUint64(at)
			if (w^uint64(now))>>32 != 0 || atomic.CompareAndSwapUint64(at, w, w|1<<(lo%wordPages)) {
				break
			}
		}
	}
}

// Forget forgets every page.
func (p *Pages) Forget() {
	for i := range p.words {
		atomic.StoreUint64(&p.words[i], 0)
	}
}
