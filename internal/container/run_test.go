package container

import (
	"bytes"
	"testing"
)

// Which live records are of the present boot, by boot ID and clocks.
func TestSameRun(t *testing.T) {
	id, private, up := bootID, privateBoot, uptime
	t.Cleanup(func() { bootID, privateBoot, uptime = id, private, up })
	const s, day = int64(1e9), int64(86400e9)
	type system struct {
		id          byte
		private     bool
		started, up int64
	}
	set := func(x system) {
		bootID = func() (id [16]byte, ok bool) { id[0] = x.id; return id, true }
		privateBoot = func() bool { return x.private }
		uptime = func() (int64, int64, bool) { return x.started, x.up, x.up > 0 }
	}
	host := system{1, false, 1000 * day, 5 * day}
	box := system{2, true, 1000 * day, 5 * day}
	with := func(x system, change func(x *system)) system { change(&x); return x }
	for name, c := range map[string]struct {
		then, now system
		want      bool
	}{
		"the system":                      {host, host, true},
		"the system, without clocks":      {system{id: 1}, system{id: 1}, true},
		"the system, restarted":           {host, system{3, false, 1000*day + 5*day + s, 10 * s}, false},
		"restarted, with a clock at 1970": {system{1, false, 0, 20 * s}, system{3, false, 0, 25 * s}, false},
		"another machine":                 {host, with(host, func(x *system) { x.id = 9 }), false},
		"a container":                     {box, with(box, func(x *system) { x.up += s }), true},
		"another container":               {box, with(box, func(x *system) { x.id, x.up = 3, x.up+s }), true},
		"from the system into one":        {host, with(box, func(x *system) { x.up += s }), true},
		"from one into the system":        {box, with(host, func(x *system) { x.up += s }), true},
		"another, the clock set back":     {box, with(box, func(x *system) { x.id, x.up, x.started = 3, x.up+s, x.started-300*day }), true},
		"another, the clock set forward":  {box, with(box, func(x *system) { x.id, x.up, x.started = 3, x.up+s, x.started+4*day }), true},
		"another, after a restart":        {box, system{3, true, 1000*day + 5*day + s, 10 * s}, false},
		"another, long after a restart":   {box, system{3, true, 1000*day + 5*day + s, 100 * day}, false},
		"a fixed ID, after a restart":     {box, with(box, func(x *system) { x.up = 10 * s }), false},
		"the clock at 1970, restarted":    {system{2, true, 0, 20 * s}, system{3, true, 0, 5 * s}, false},
		"containers, without clocks":      {system{id: 2, private: true}, system{id: 3, private: true}, false},
	} {
		set(c.then)
		b := newRecord()
		liveRecord{b}.begin(7)
		set(c.now)
		n, writing, torn := liveLength(b)
		if writing != c.want || torn || writing && n != 7 {
			t.Errorf("%s: length %d, of this run %v, torn %v", name, n, writing, torn)
		}
		if left := leftBy(b); left != map[bool]Left{true: LeftKilled, false: LeftLost}[c.want] {
			t.Errorf("%s: left %d", name, left)
		}
		for at := range liveWordAt {
			wrong := bytes.Clone(b)
			wrong[at] ^= 0x10
			record := newRecord()
			copy(record, wrong)
			if _, writing, _ := liveLength(record); writing && at < 40 {
				t.Fatalf("%s: byte %d wrong and still of this run", name, at)
			}
		}
	}
}
