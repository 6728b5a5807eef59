package resident

import "testing"

const now = Period(7 << 32)

func TestPagesAreRememberedForOnePeriod(t *testing.T) {
	size := uintptr(1) << Shift
	p := New(10*size+5, 210*size)
	if p.Base() != 10*size || p.End() < 210*size {
		t.Fatalf("%#x to %#x", p.Base(), p.End())
	}
	if p.Page(10*size+1) != 0 || p.Page(12*size) != 2 {
		t.Error("pages have other numbers")
	}
	if p.Asked(now, 40) || p.Lacks(now, 40) == 0 {
		t.Error("new Pages know something")
	}
	p.Set(now, 32, []byte{1, 0, 1})
	p.Add(now, 33, 34)
	p.Add(now, 90, 99) // nobody asked about these
	for page, want := range map[uintptr]bool{31: true, 32: false, 33: false, 34: false, 35: true, 90: true} {
		if lacks := p.Lacks(now, page) != 0; lacks != want {
			t.Errorf("page %d: lacks %v", page, lacks)
		}
		if p.Lacks(now+1<<32, page) == 0 || p.Asked(now+1<<32, page) {
			t.Errorf("page %d is remembered in the next Period", page)
		}
	}
	if !p.Asked(now, 32) || p.Asked(now, 64) {
		t.Error("Asked is wrong")
	}
	p.Forget()
	if p.Asked(now, 32) || p.Lacks(now, 32) == 0 {
		t.Error("Forget forgot nothing")
	}
}

// Where everything is in memory more pages are asked about at once.
func TestAround(t *testing.T) {
	p := New(0, 10_000<<Shift)
	page := func(full byte, want uintptr) {
		t.Helper()
		p.Set(now, 0, []byte{1, full})
		if lo, hi := p.Around(5000); lo != 5000/want*want || hi != lo+want {
			t.Errorf("[%d,%d), want %d pages", lo, hi, want)
		}
	}
	page(1, MostPages)
	page(0, fewPages)
	if lo, hi := p.Around(9999); lo != 9984 || hi != p.End()>>Shift {
		t.Errorf("[%d,%d) at the end", lo, hi)
	}
}

func TestNowIsNeverThatOfTheZeroWord(t *testing.T) {
	if Now()>>32 == 0 || Now()<<32 != 0 {
		t.Errorf("%#x", Now())
	}
}
