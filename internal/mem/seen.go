package mem

import (
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/resident"
)

// Seen is where what is remembered about the pages of the mapping stands, nil for nothing yet.
func (l *Limits) Seen() *atomic.Pointer[resident.Pages] { return &l.Own().seen }
