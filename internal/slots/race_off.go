//go:build !race

package slots

// RaceEnabled is false in ordinary builds, where the race detector is told nothing.
const RaceEnabled = false

// Shadows has no state in ordinary builds.
type Shadows struct{}

func (*Shadows) Read(uint64)         {}
func (*Shadows) Write(uint64)        {}
func (*Shadows) Seen(uint64)         {}
func (*Shadows) Lent(uint64)         {}
func (*Shadows) Freeing(_, _ uint64) {}
func newShadows(int) Shadows         { return Shadows{} }
