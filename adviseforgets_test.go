package typedmem_test

import (
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/resident"
	"github.com/typedmem/typedmem/internal/testkit"
)

// After advice by which pages leave the memory, nothing is remembered about them; other advice
// leaves what was.
func TestAdviceForgetsWhatWasSeen(t *testing.T) {
	m, _ := fileMapping(t, 4)
	seen := resident.New(m.Addr(), m.Addr()+uintptr(m.Len()))
	mem.Of(m).Limits().Seen().Store(seen)
	for f, forgets := range map[flags.Map]bool{flags.DontNeed: true, flags.PageOut: true, flags.WillNeed: false, flags.RandomAccess: false} {
		now := resident.Now()
		seen.Set(now, 0, []byte{1})
		testkit.Check(t, m.Advise(0, m.Len(), f), f)
		if seen.Asked(now, 0) == forgets {
			t.Errorf("%v: remembered %v", f, !forgets)
		}
	}
}
