package typedmem_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// kind says what a flag is: what happens where a system has nothing of the kind.
type kind uint8

const (
	meaning kind = iota // changes what the mapping is, on every system
	hint                // may do nothing
	promise             // is kept, or an error
	advice              // a hint that (*Mapping).Advise takes as well
)

// class is a flag's entry: what it is, and the systems where it does nothing (hint, advice) or is
// refused (promise).
type class struct {
	flag   flags.Map
	kind   kind
	absent string
}

var mapFlags = []class{
	{flags.Shared, meaning, ""},
	{flags.Populate, hint, ""},
	{flags.NoReserve, hint, "freebsd dragonfly openbsd windows"},
	{flags.HugePages, promise, "netbsd openbsd dragonfly darwin ios"},
	{flags.Stack, hint, "darwin ios windows"},
	{flags.NoCoreDump, advice, "netbsd darwin ios windows"},
	{flags.Locked, promise, ""},
	{flags.TransparentHugePages, advice, "freebsd dragonfly netbsd openbsd darwin ios windows"},
	{flags.Sequential, advice, "windows"},
	{flags.RandomAccess, advice, "windows"},
	{flags.WillNeed, advice, ""},
	{flags.DontNeed, advice, "windows"},
	{flags.Cold, advice, "freebsd dragonfly netbsd openbsd darwin ios windows"},
	{flags.PageOut, advice, "freebsd dragonfly netbsd openbsd darwin ios windows"},
	{flags.Free, advice, "windows"},
	{flags.Collapse, advice, "freebsd dragonfly netbsd openbsd darwin ios windows"},
	{flags.NoHugePages, advice, "freebsd dragonfly netbsd openbsd darwin ios windows"},
	{flags.DontFork, advice, "openbsd windows"},
	{flags.Mergeable, advice, "freebsd dragonfly netbsd openbsd darwin ios windows"},
}

var unsafeFlags = []struct {
	flag   flags.Unsafe
	kind   kind
	absent string
}{
	{flags.Fixed, promise, "windows"},
	{flags.JIT, meaning, ""},
}

// Every flag has an entry, and one only.
func TestEveryFlagIsClassified(t *testing.T) {
	var seen flags.Map
	for _, c := range mapFlags {
		if seen&c.flag != 0 {
			t.Errorf("%v stands twice", c.flag)
		}
		seen |= c.flag
		if (c.kind == advice) != flags.Advice.Has(c.flag) {
			t.Errorf("%v: flags.Advice says otherwise", c.flag)
		}
	}
	if missing := ^(^flags.Map(0)).Unknown() &^ seen; missing != 0 {
		t.Errorf("no entry for %v", missing)
	}
	var unsafes flags.Unsafe
	for _, c := range unsafeFlags {
		unsafes |= c.flag
	}
	if missing := ^(^flags.Unsafe(0)).Unknown() &^ unsafes; missing != 0 {
		t.Errorf("no entry for %v", missing)
	}
}

// Each flag does here what its entry says: a hint is never an error, a promise is kept or refused
// as unsupported.
func TestEachFlagAsClassified(t *testing.T) {
	for _, c := range mapFlags {
		for _, backing := range []string{"anonymous", "file"} {
			o := options.New(2 * unit).WithFlags(c.flag)
			if backing == "file" {
				o = o.WithFile(testkit.File(t, pattern(2*unit)), 0)
			}
			m, err := o.MapMut()
			absent := strings.Contains(" "+c.absent+" ", " "+runtime.GOOS+" ")
			switch {
			case c.flag == flags.HugePages && err != nil:
				// Kept only where the administrator set huge pages aside; TestHugePages does that.
			case c.kind == promise && absent:
				testkit.Wants(t, c.flag.String(), err, errors.ErrUnsupported)
			case err != nil:
				t.Errorf("%v, %s: %v", c.flag, backing, err)
			}
			if err == nil {
				m.Bytes()[0] = 1
				testkit.Check(t, m.Close(), "close")
			}
			// Reserved ranges and grown ones get the same flags.
			if c.flag == flags.HugePages {
				continue
			}
			m, err = o.WithCapacity(4 * unit).ReserveMut()
			testkit.Check(t, err, c.flag.String())
			testkit.Check(t, m.Commit(), c.flag.String())
			if backing == "anonymous" || c.flag == flags.Shared {
				testkit.Check(t, m.Resize(3*unit), c.flag.String())
			}
			m.Bytes()[unit] = 1
			testkit.Check(t, m.Close(), "close")
		}
	}
	for _, c := range unsafeFlags {
		absent := strings.Contains(" "+c.absent+" ", " "+runtime.GOOS+" ")
		o := options.New(unit).WithUnsafeFlags(c.flag)
		if c.flag == flags.Fixed {
			space := testkit.Must(options.New(unit).ReserveNone())(t)
			defer space.Close()
			o = o.WithAddress(space.Addr())
		}
		m, err := o.MapMut()
		if absent {
			testkit.Wants(t, c.flag.String(), err, errors.ErrUnsupported)
			continue
		}
		testkit.Check(t, err, c.flag.String())
		testkit.Check(t, m.Close(), "close")
	}
}
