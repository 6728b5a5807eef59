package typedmem

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/typedmem/typedmem/internal/sys"
)

// areaBudget keeps the process away from the system's limit of memory areas (vm.max_map_count on
// Linux, 65,530 by default). At that limit the Go runtime cannot map either, and ends the process.
// So this package leaves the last sixteenth to it. Whatever makes an area asks admit first. What
// releases memory asks tight, which leaves half of that part.
//
// Only reading a list of all areas tells how many there are. So each count allows a number of steps
// that cannot reach the limit, and the next count follows them.
var areaBudget = areaCounter{count: sys.AreaCount}

type areaCounter struct {
	left  atomic.Int64 // areas that may be made before the next count
	limit atomic.Int64 // as it was read last
	count func() (count, limit int, ok bool)

	mu       sync.Mutex
	releases int  // areas that giving memory back may make before the next count, once admit refuses
	isTight  bool // the answer of tight meanwhile
}

const (
	areasPerStep = 2    // the most that one step makes: it can cut a range out of an area
	uncounted    = 8192 // steps before the first count
	fewAreas     = 64   // so few are none: a count for every step would take too long
)

func init() { areaBudget.left.Store(uncounted) }

// headroom returns how many of the areas that the limit allows are left to the rest of the program.
func (c *areaCounter) headroom(limit int) int { return limit / 16 }

// admit returns an error where the process has too many areas for another mapping.
func (c *areaCounter) admit() error {
	if c.left.Add(-areasPerStep) >= 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left.Load() >= areasPerStep { // somebody else has counted
		return nil
	}
	if c.look() < fewAreas {
		return c.refusal()
	}
	return nil
}

// refusal is the error of what would make another area.
func (c *areaCounter) refusal() error {
	return fmt.Errorf("the process is at the limit of memory areas (of the %d that vm.max_map_count allows the last %d "+
		"are left to the Go runtime): close mappings, or make fewer and larger ones: %w",
		c.limit.Load(), c.headroom(int(c.limit.Load())), errNoAreas)
}

// errNoAreas is wrapped by the error of admit, and wraps the system's own.
var errNoAreas = fmt.Errorf("%w", sys.ErrNoRoom)

// look counts, and returns how many areas may still be made.
func (c *areaCounter) look() (room int) {
	count, limit, ok := c.count()
	if !ok { // there is no such limit, or it cannot be known: the system decides
		c.left.Store(1 << 40)
		return fewAreas
	}
	c.limit.Store(int64(limit))
	c.releases, c.isTight = 0, false
	if room = limit - c.headroom(limit) - count; room < fewAreas {
		c.left.Store(0)
		return room
	}
	c.left.Store(int64(room / 2)) // the rest of the program makes some too
	return room
}

// tight reports whether even giving memory back must not cut an area in two.
func (c *areaCounter) tight() bool {
	if c.left.Add(-areasPerStep) >= 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.releases > 0 {
		c.releases -= areasPerStep
		return c.isTight
	}
	room := c.look()
	if room >= fewAreas {
		return false
	}
	room += c.headroom(int(c.limit.Load())) / 2
	c.releases, c.isTight = max(room/2, 8*fewAreas), room < 8*fewAreas
	return c.isTight
}
